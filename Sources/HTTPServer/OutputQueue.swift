// What a connection has still to send, in order. Knows lengths and places; sends nothing.

/// Bytes and file regions that wait to be sent.
///
/// It counts what belongs to a body apart from heads and chunk framing, for the log.
struct OutputQueue {
    enum Segment {
        /// The bytes from `bodyStart` on belong to the body.
        case bytes([UInt8], bodyStart: Int)
        case file(FileRegion)

        var length: Int64 {
            switch self {
            case .bytes(let bytes, _): Int64(bytes.count)
            case .file(let region): region.length
            }
        }
    }

    /// The first one is partly sent, up to `offset`.
    private(set) var segments: [Segment] = []
    private(set) var offset: Int64 = 0

    var isEmpty: Bool { segments.isEmpty }

    mutating func append(framing bytes: [UInt8]) { append(.bytes(bytes, bodyStart: bytes.count)) }
    mutating func append(body bytes: [UInt8]) { append(.bytes(bytes, bodyStart: 0)) }
    mutating func append(_ region: FileRegion) { append(.file(region)) }

    mutating func append(_ segment: Segment) {
        if segment.length > 0 { segments.append(segment) }
    }

    /// Takes bytes that were sent off the queue's beginning.
    ///
    /// - Parameter count: at most the queue's length.
    /// - Returns: how many of them were body bytes.
    mutating func consume(_ count: Int64) -> Int64 {
        var left = count
        var body: Int64 = 0
        var finished = 0
        while left > 0, finished < segments.count {
            let segment = segments[finished]
            let taken = min(left, segment.length - offset)
            switch segment {
            case .bytes(_, let bodyStart): body += max(0, offset + taken - max(offset, Int64(bodyStart)))
            case .file: body += taken
            }
            left -= taken
            offset += taken
            if offset == segment.length {
                finished += 1
                offset = 0
            }
        }
        segments.removeFirst(finished)
        return body
    }

    mutating func removeAll() {
        segments = []
        offset = 0
    }
}
