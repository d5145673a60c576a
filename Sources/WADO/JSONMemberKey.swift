// The names of members in DICOM JSON objects. Knows their spelling only.

/// The name of a member, as far as it matters.
enum JSONMemberKey: Equatable {
    case tag(UInt32)
    case value, bulkDataURI
    case other

    /// - Parameter raw: between the quotes, escapes and all.
    init(raw: ArraySlice<UInt8>) {
        self.init(name: JSONText.unescaped(raw) ?? [])
    }

    init(name: ArraySlice<UInt8>) {
        switch name.count {
        case 8: self = Self.tag(name).map { .tag($0) } ?? .other
        case 5: self = name.elementsEqual("Value".utf8) ? .value : .other
        case 11: self = name.elementsEqual("BulkDataURI".utf8) ? .bulkDataURI : .other
        default: self = .other
        }
    }

    /// Eight hexadecimal digits, in either case.
    private static func tag(_ name: ArraySlice<UInt8>) -> UInt32? {
        var tag: UInt32 = 0
        for byte in name {
            switch byte {
            case 0x30...0x39: tag = tag << 4 | UInt32(byte - 0x30)
            case 0x41...0x46: tag = tag << 4 | UInt32(byte - 0x41 + 10)
            case 0x61...0x66: tag = tag << 4 | UInt32(byte - 0x61 + 10)
            default: return nil
            }
        }
        return tag
    }
}
