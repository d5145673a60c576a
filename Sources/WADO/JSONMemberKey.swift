// The names of members in DICOM JSON objects. Knows their spelling only.

/// The name of a member, as far as it matters.
enum JSONMemberKey: Equatable {
    case tag(UInt32)
    case value, bulkDataURI
    case other

    private static let valueName = Array("Value".utf8)
    private static let bulkDataURIName = Array("BulkDataURI".utf8)

    /// - Parameter raw: between the quotes, escapes and all.
    init(raw: [UInt8]) {
        self.init(name: JSONText.unescaped(raw) ?? [])
    }

    init(name: [UInt8]) {
        if name == Self.valueName {
            self = .value
        } else if name == Self.bulkDataURIName {
            self = .bulkDataURI
        } else if name.count == 8, let tag = Self.tag(name) {
            self = .tag(tag)
        } else {
            self = .other
        }
    }

    /// Eight hexadecimal digits, in either case.
    private static func tag(_ name: [UInt8]) -> UInt32? {
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
