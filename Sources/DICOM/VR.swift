// Value representations and how each shapes an element's header. Knows no values.

/// A value representation (PS3.5 §6.2); the raw value is its two letters, big-endian.
package enum VR: UInt16, Hashable, Sendable, CaseIterable, CustomStringConvertible {
    case ae = 0x4145
    case `as` = 0x4153
    case at = 0x4154
    case cs = 0x4353
    case da = 0x4441
    case ds = 0x4453
    case dt = 0x4454
    case fd = 0x4644
    case fl = 0x464C
    case `is` = 0x4953
    case lo = 0x4C4F
    case lt = 0x4C54
    case ob = 0x4F42
    case od = 0x4F44
    case of = 0x4F46
    case ol = 0x4F4C
    case ov = 0x4F56
    case ow = 0x4F57
    case pn = 0x504E
    case sh = 0x5348
    case sl = 0x534C
    case sq = 0x5351
    case ss = 0x5353
    case st = 0x5354
    case sv = 0x5356
    case tm = 0x544D
    case uc = 0x5543
    case ui = 0x5549
    case ul = 0x554C
    case un = 0x554E
    case ur = 0x5552
    case us = 0x5553
    case ut = 0x5554
    case uv = 0x5556

    /// The VR of two letters as they stand in an explicit header.
    package init?(_ first: UInt8, _ second: UInt8) {
        self.init(rawValue: UInt16(first) << 8 | UInt16(second))
    }

    package init?(_ letters: some StringProtocol) {
        let bytes = Array(letters.utf8)
        guard bytes.count == 2 else { return nil }
        self.init(bytes[0], bytes[1])
    }

    /// Whether an explicit header has two reserved bytes and a 32-bit length (PS3.5 §7.1.2, table 7.1-1).
    package var hasLongHeader: Bool {
        switch self {
        case .ob, .od, .of, .ol, .ov, .ow, .sq, .sv, .uc, .un, .ur, .ut, .uv: true
        default: false
        }
    }

    /// Whether a length of FFFFFFFF may stand in its header: a sequence, or encapsulated fragments.
    package var mayHaveUndefinedLength: Bool {
        switch self {
        case .sq, .un, .ob, .ow: true
        default: false
        }
    }

    /// Bytes of one binary number of the value, by which byte order is changed; 1 where there is none.
    package var unitLength: Int {
        switch self {
        case .at, .ow, .ss, .us: 2
        case .fl, .of, .ol, .sl, .ul: 4
        case .fd, .od, .ov, .sv, .uv: 8
        default: 1
        }
    }

    /// The byte that fills a value up to even length: a space for text, zero for UIDs and binary (PS3.5 §6.2).
    package var paddingByte: UInt8 {
        switch self {
        case .ae, .as, .cs, .da, .ds, .dt, .is, .lo, .lt, .pn, .sh, .st, .tm, .uc, .ur, .ut: UInt8(ascii: " ")
        default: 0
        }
    }

    package var description: String {
        String(decoding: [UInt8(rawValue >> 8), UInt8(truncatingIfNeeded: rawValue)], as: UTF8.self)
    }
}
