// Bodies of answers: bytes, and parts of open files. Values only; sending is the transports' affair.

/// A part of an open file. Holds the owner of the descriptor alive while it is sent.
package struct FileRegion: Sendable {
    package let descriptor: Int32
    /// The first byte's place in the file.
    package let offset: Int64
    /// Bytes, 0 or more. A file that turns out to be shorter, or can't be read, breaks the answer off; the owner is told if
    /// it is a ``FileRegionOwner``.
    package let length: Int64
    package let owner: any AnyObject & Sendable

    package init(descriptor: Int32, offset: Int64, length: Int64, owner: any AnyObject & Sendable) {
        self.descriptor = descriptor
        self.offset = offset
        self.length = length
        self.owner = owner
    }
}

/// An owner that wants to know when its file failed under an answer, so that the next one need not fail as well.
package protocol FileRegionOwner: AnyObject, Sendable {
    /// Its file can't be read, or is shorter than was said. On a loop.
    func fileFailed()
}

/// A body that is there as a whole.
package enum ResponseBody: Sendable {
    case empty
    case bytes([UInt8])
    /// An envelope of bytes around a region: prefix, file, suffix.
    case file(prefix: [UInt8], FileRegion, suffix: [UInt8])

    /// In bytes.
    package var length: Int64 {
        switch self {
        case .empty: 0
        case .bytes(let bytes): Int64(bytes.count)
        case .file(let prefix, let region, let suffix): Int64(prefix.count) + region.length + Int64(suffix.count)
        }
    }
}
