// What some elements say of others: the VR of those that have several, and the character set.

extension DataSetReader {
    /// The few values that decide how other elements of their data set, and of the items in it, are read.
    struct Context {
        private(set) var characterSet = SpecificCharacterSet.ascii
        private var isSigned = false
        private var bitsAllocated = 16
        private var waveformBits = 16
        private var lutEntries = 0

        /// A Specific Character Set of every term there is has less.
        static let valueLimit = 1024
        private static let lutDescriptor = Tag(0x0028, 0x3002)
        private static let lutData = Tag(0x0028, 0x3006)
        private static let waveformGroup: UInt16 = 0x5400
        private static let waveformBitsAllocated = Tag(0x5400, 0x1004)

        static func wants(_ tag: Tag) -> Bool {
            switch tag {
            case .specificCharacterSet, .pixelRepresentation, .bitsAllocated, lutDescriptor, waveformBitsAllocated: true
            default: false
            }
        }

        mutating func take(_ tag: Tag, _ value: [UInt8], isBigEndian: Bool) {
            if tag == .specificCharacterSet {
                characterSet = SpecificCharacterSet(value: value)
                return
            }
            guard value.count >= 2 else { return }
            let number = Int(value.uint16(at: 0, bigEndian: isBigEndian))
            switch tag {
            case .pixelRepresentation: isSigned = number == 1
            case .bitsAllocated: bitsAllocated = number
            case Context.lutDescriptor: lutEntries = number
            case Context.waveformBitsAllocated: waveformBits = number
            default: break
            }
        }

        /// The VR as which an element's value is to be read: the written one, unless it hides a standard element's.
        func vr(of header: ElementHeader, isExplicit: Bool) -> VR {
            if let vr = header.vr, vr != .un { return vr }
            if header.tag == .pixelData, header.hasUndefinedLength { return .ob }
            guard header.vr == .un || !isExplicit else { return .un }
            switch DataDictionary.entry(of: header.tag) {
            case .fixed(let vr): return vr == .sq ? .un : vr
            case .usOrSS: return isSigned ? .ss : .us
            case .obOrOW: return obOrOW(header.tag)
            case .usOrOW: return header.tag == Context.lutData && lutEntries == 1 ? .us : .ow
            case .usOrSSOrOW: return .ow
            case nil: return .un
            }
        }

        /// Bytes of one number of a value. Samples that are wider than a word of OW are written as a whole; where a word
        /// holds several of them, the word is.
        func unitLength(of tag: Tag, _ vr: VR) -> Int {
            tag == .pixelData && vr != .ob ? max(vr.unitLength, bitsAllocated / 8) : vr.unitLength
        }

        /// Pixel Data of Implicit VR is OW whatever its bits (PS3.5 §A.1); waveforms go by their own.
        private func obOrOW(_ tag: Tag) -> VR {
            tag.group == Context.waveformGroup && waveformBits <= 8 ? .ob : .ow
        }
    }
}
