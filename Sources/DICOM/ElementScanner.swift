// Walks the elements of a data set whose bytes arrive piece by piece. Holds one header or one wanted value, never more;
// knows nesting, and nothing of what elements mean.

/// A push reader of one data set: announces its top-level elements, and steps over sequences and values.
///
/// After `.header` the caller may ask for the value by ``keepValue()``, or take the header's bytes back by
/// ``takeHeld()``; the next call of ``next(in:at:)`` steps over it otherwise.
struct ElementScanner: Sendable {
    enum Event {
        case header(ElementHeader)
        case value(ElementHeader, [UInt8])
    }

    /// What the bytes stand in: a sequence of items, or an item of elements, both of undefined length.
    private enum Level: Sendable {
        case sequence(ElementEncoding)
        case item(ElementEncoding, isAtFirstElement: Bool)
    }

    /// Levels of sequences within sequences; the deepest known real objects (SR trees) have about twenty.
    static let depthLimit = 64

    private(set) var encoding: ElementEncoding
    /// Of the next byte, from the beginning of the file.
    private(set) var offset: Int
    private var isAtFirstElement = true
    private var held: [UInt8] = []
    private var wanted = ElementHeader.shortLength
    private var skipping = 0
    private var announced: ElementHeader?
    private var kept: ElementHeader?
    private var levels: [Level] = []

    init(_ encoding: ElementEncoding, offset: Int) {
        self.encoding = encoding
        self.offset = offset
    }

    /// Whether the bytes so far end exactly behind an element of the top level.
    var isBetweenElements: Bool { skipping == 0 && held.isEmpty && levels.isEmpty && kept == nil }

    /// The next event within `bytes` from `cursor` on; nil when all are consumed and more are needed.
    mutating func next(in bytes: [UInt8], at cursor: inout Int) throws(DICOMError) -> Event? {
        if let header = announced {
            announced = nil
            try enter(header, from: encoding)
            held.removeAll(keepingCapacity: true)
        }
        while true {
            guard skip(in: bytes, at: &cursor), hold(from: bytes, at: &cursor) else { return nil }
            if let header = kept {
                kept = nil
                wanted = ElementHeader.shortLength
                let value = held
                held.removeAll(keepingCapacity: true)
                return .value(header, value)
            }
            guard let header = ElementHeader.decode(held[...], encodingOfNextHeader()) else {
                wanted = ElementHeader.longLength
                continue
            }
            wanted = ElementHeader.shortLength
            if levels.isEmpty {
                isAtFirstElement = false
                announced = header
                return .header(header)
            }
            try step(header)
            held.removeAll(keepingCapacity: true)
        }
    }

    /// Asks for the value of the element just announced; its length must be defined, and bounded by the caller.
    mutating func keepValue() {
        guard let header = announced, !header.hasUndefinedLength else { return }
        held.removeAll(keepingCapacity: true)
        announced = nil
        kept = header
        wanted = Int(header.length)
    }

    /// Takes back the bytes of an incomplete or just announced header.
    mutating func takeHeld() -> [UInt8] {
        defer {
            held = []
            announced = nil
        }
        offset -= held.count
        return held
    }

    private mutating func skip(in bytes: [UInt8], at cursor: inout Int) -> Bool {
        let count = min(skipping, bytes.count - cursor)
        skipping -= count
        cursor += count
        offset += count
        return skipping == 0
    }

    private mutating func hold(from bytes: [UInt8], at cursor: inout Int) -> Bool {
        let count = min(wanted - held.count, bytes.count - cursor)
        if count > 0 {
            held.append(contentsOf: bytes[cursor..<cursor + count])
            cursor += count
            offset += count
        }
        return held.count >= wanted
    }

    /// Steps into, over or out of what an inner header announces.
    private mutating func step(_ header: ElementHeader) throws(DICOMError) {
        switch levels[levels.count - 1] {
        case .sequence(let encoding):
            switch header.tag {
            case .item where header.hasUndefinedLength:
                levels.append(.item(encoding, isAtFirstElement: true))
            case .item:
                skipping = Int(header.length)
            case .sequenceDelimitation:
                levels.removeLast()
            default:
                throw malformed("\(header.tag) stands where an item must")
            }
        case .item(let encoding, _):
            let encoding = encoding.isExplicit ? encodingOfNextHeader() : encoding
            levels[levels.count - 1] = .item(encoding, isAtFirstElement: false)
            if header.tag == .itemDelimitation {
                levels.removeLast()
            } else {
                try enter(header, from: encoding)
            }
        }
    }

    private mutating func enter(_ header: ElementHeader, from encoding: ElementEncoding) throws(DICOMError) {
        guard header.hasUndefinedLength else {
            skipping = Int(header.length)
            return
        }
        guard header.vr?.mayHaveUndefinedLength ?? !encoding.isExplicit else {
            throw malformed("\(header.tag) of VR \(header.vr?.description ?? "unknown") has undefined length")
        }
        guard header.tag.group != Tag.item.group else {
            throw malformed("\(header.tag) of undefined length stands where an element must")
        }
        guard levels.count < 2 * ElementScanner.depthLimit else {
            throw DICOMError(
                kind: .tooLarge, offset: offset - held.count,
                detail: "more than \(ElementScanner.depthLimit) nested sequences")
        }
        // What is UN of undefined length was a sequence in Implicit VR once, and stays it (PS3.5 §6.2.2).
        levels.append(.sequence(header.vr == .un ? .implicitLittle : encoding))
    }

    /// The encoding by which `held` is to be read. Writers exist that put Implicit VR into a data set, or an item, that
    /// is said to be explicit: the first element tells.
    private mutating func encodingOfNextHeader() -> ElementEncoding {
        switch levels.last {
        case .sequence(let encoding):
            return encoding
        case .item(let encoding, let isFirst):
            return isFirst ? encoding.adjusted(toFirst: held[...]) : encoding
        case nil:
            if isAtFirstElement { encoding = encoding.adjusted(toFirst: held[...]) }
            return encoding
        }
    }

    private func malformed(_ detail: String) -> DICOMError {
        DICOMError(kind: .malformed, offset: offset - held.count, detail: detail)
    }
}
