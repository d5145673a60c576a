// Knows where in a DICOM JSON document one is (PS3.18 Annex F): which strings are URLs to rewrite, which values tell whose
// data set it is. Works on pieces of any size. Must not know what a URL becomes.
internal import DICOM

/// Reads DICOM JSON piece by piece, and writes it again with its URLs replaced.
///
/// It is a value: a copy taken at a data set's beginning reads the same octets a second time, when more is known.
struct JSONDataSetMachine {
    enum Event: Equatable {
        /// The opening brace of a top-level data set was passed.
        case dataSetBegan
        /// The three UIDs are known.
        case identified
        /// The closing brace was passed.
        case dataSetEnded
    }

    private enum Role {
        /// The top-level array.
        case dataSets
        /// An object of attributes: a data set, or an item of a sequence.
        case attributes(isTop: Bool)
        /// The object of one attribute: vr, and a value or a URL.
        case element(tag: UInt32, isTop: Bool)
        /// The array behind "Value".
        case values(tag: UInt32, isTop: Bool)
        /// Whatever else: names of persons, private inventions.
        case opaque
    }

    private struct Frame {
        var role: Role
        /// Of the member that is being read.
        var key = JSONMemberKey.other
        /// Whether a member of this element has been written: if none has, the next one needs no comma.
        var hasWritten = false
    }

    private enum Capture {
        case key
        case value(DataSetIdentity.Attribute)
        case url(ReferenceRewriter.Kind)
    }

    /// What happens to the octets that are passed.
    private enum Disposition {
        case write
        /// A separator and a key, until it is known whether its member stays.
        case hold
        /// A URL that will be replaced.
        case swallow
    }

    private static let keyLimit = 4096
    /// A separator, a key, a colon and the white space between them.
    private static let holdLimit = 64 << 10
    private static let retrieveURL: UInt32 = 0x0008_1190

    private var rewriter: ReferenceRewriter?
    /// False while the data set's UIDs are being looked for.
    private var isWriting = false
    private(set) var identity = DataSetIdentity()
    /// URLs that became placeholders.
    private(set) var placeholders = 0

    private var tokenizer = JSONTokenizer()
    private var frames: [Frame] = []
    private var disposition = Disposition.write
    private var held: [UInt8] = []
    private var capture: Capture?
    private var captured: [UInt8] = []
    /// Octets passed before the present piece.
    private var offset = 0

    /// - Parameter rewriter: nil for one that is only read.
    init(rewriter: ReferenceRewriter?) {
        self.rewriter = rewriter
    }

    var isComplete: Bool { tokenizer.isComplete }
    var hasBegun: Bool { tokenizer.hasBegun }

    /// From here on the data set is written, as one of this instance.
    mutating func beginWriting(_ facts: InstanceFacts) {
        rewriter?.begin(facts)
        isWriting = true
    }

    /// Reads on until something happens; nil at the end of the octets.
    ///
    /// - Parameter output: gets the rewritten octets, once ``beginWriting(_:)`` was called for the data set.
    mutating func advance(
        _ bytes: [UInt8], at position: inout Int, into output: inout [UInt8]
    ) throws(RewriteError) -> Event? {
        let start = position
        var mark = position
        do throws(RewriteError) {
            while true {
                let before = position
                let token = try tokenizer.next(in: bytes.span, at: &position)
                let hasEnded = if case .endString = token { true } else { false }
                try collect(bytes, from: before, to: hasEnded ? position - 1 : position)
                guard let token else { break }
                guard let event = try take(token, bytes, position, &mark, &output) else { continue }
                pass(bytes, &mark, upTo: position, into: &output)
                offset += position - start
                if event == .dataSetEnded { isWriting = false }
                return event
            }
        } catch {
            guard case .malformed(let place, let detail) = error else { throw error }
            throw .malformed(offset: offset + place - start, detail: detail)
        }
        pass(bytes, &mark, upTo: position, into: &output)
        offset += position - start
        guard held.count <= Self.holdLimit else { throw .tooLarge(detail: "A member's name of \(held.count) octets.") }
        return nil
    }

    // MARK: Octets

    /// Disposes of the octets up to a place.
    private mutating func pass(_ bytes: [UInt8], _ mark: inout Int, upTo end: Int, into output: inout [UInt8]) {
        if isWriting, end > mark {
            switch disposition {
            case .write: output.append(contentsOf: bytes[mark..<end])
            case .hold: held.append(contentsOf: bytes[mark..<end])
            case .swallow: break
            }
        }
        mark = max(mark, end)
    }

    private mutating func collect(_ bytes: [UInt8], from start: Int, to end: Int) throws(RewriteError) {
        guard let capture, end > start else { return }
        let limit = if case .key = capture { Self.keyLimit } else { ReferenceRewriter.sizeLimit }
        guard captured.count + end - start <= limit else {
            throw .tooLarge(detail: "A key, UID or URL of \(limit) octets.")
        }
        captured.append(contentsOf: bytes[start..<end])
    }

    private mutating func beginCapture(_ capture: Capture) {
        self.capture = capture
        captured.removeAll(keepingCapacity: true)
    }

    /// Writes what was held. The first member that is written begins without a comma.
    private mutating func release(into output: inout [UInt8]) {
        guard case .hold = disposition else { return }
        disposition = .write
        guard let last = frames.indices.last else { return }
        output.append(contentsOf: frames[last].hasWritten ? held[...] : held.drop { $0 == UInt8(ascii: ",") })
        frames[last].hasWritten = true
        held.removeAll(keepingCapacity: true)
    }

    // MARK: Tokens

    private mutating func take(
        _ token: JSONTokenizer.Token, _ bytes: [UInt8], _ position: Int, _ mark: inout Int, _ output: inout [UInt8]
    ) throws(RewriteError) -> Event? {
        switch token {
        case .comma:
            if case .element? = frames.last?.role { hold(bytes, &mark, from: position - 1, into: &output) }
            return nil
        case .colon: return nil
        case .beginString(let isKey):
            isKey
                ? beginKey(bytes, position, &mark, &output) : try beginValue(bytes, position, &mark, &output)
            return nil
        case .endString(let isKey):
            isKey ? endKey(bytes, position, &mark, &output) : try endValue(position, &mark, &output)
            return nil
        case .literal:
            try takeLiteral(position)
            pass(bytes, &mark, upTo: position, into: &output)
            release(into: &output)
            return nil
        case .beginObject, .beginArray:
            pass(bytes, &mark, upTo: position, into: &output)
            release(into: &output)
            return try open(isObject: token == .beginObject, position)
        case .endObject, .endArray: return close()
        }
    }

    private mutating func hold(_ bytes: [UInt8], _ mark: inout Int, from start: Int, into output: inout [UInt8]) {
        pass(bytes, &mark, upTo: start, into: &output)
        disposition = .hold
    }

    private mutating func beginKey(
        _ bytes: [UInt8], _ position: Int, _ mark: inout Int, _ output: inout [UInt8]
    ) {
        switch frames.last?.role {
        case .element:
            if case .write = disposition { hold(bytes, &mark, from: position - 1, into: &output) }
            beginCapture(.key)
        case .attributes: beginCapture(.key)
        default: break
        }
    }

    private mutating func endKey(_ bytes: [UInt8], _ position: Int, _ mark: inout Int, _ output: inout [UInt8]) {
        guard case .key? = capture, let last = frames.indices.last else { return }
        capture = nil
        let key = JSONMemberKey(raw: captured)
        frames[last].key = key
        guard case .element = frames[last].role, key != .bulkDataURI else { return }
        pass(bytes, &mark, upTo: position, into: &output)
        release(into: &output)
    }

    private mutating func beginValue(
        _ bytes: [UInt8], _ position: Int, _ mark: inout Int, _ output: inout [UInt8]
    ) throws(RewriteError) {
        guard let frame = frames.last else { throw JSONTokenizer.error(position, "a text in place of a data set") }
        switch frame.role {
        case .dataSets: throw JSONTokenizer.error(position, "a text in place of a data set")
        case .element where frame.key == .bulkDataURI:
            pass(bytes, &mark, upTo: position - 1, into: &output)
            disposition = .swallow
            beginCapture(.url(.bulkData))
        case .values(Self.retrieveURL, _):
            pass(bytes, &mark, upTo: position - 1, into: &output)
            disposition = .swallow
            beginCapture(.url(.retrieve))
        case .values(let tag, isTop: true):
            if let attribute = DataSetIdentity.Attribute(rawValue: tag) { beginCapture(.value(attribute)) }
        default: break
        }
    }

    private mutating func endValue(
        _ position: Int, _ mark: inout Int, _ output: inout [UInt8]
    ) throws(RewriteError) {
        guard let capture else { return }
        self.capture = nil
        switch capture {
        case .key: return
        case .value(let attribute):
            let text = JSONText.unescaped(captured).flatMap { String(validating: $0, as: UTF8.self) }
            try identity.note(attribute, text ?? "")
        case .url(let kind):
            // The closing quote goes with the rest.
            mark = position
            replaceURL(kind, &output)
        }
    }

    private mutating func replaceURL(_ kind: ReferenceRewriter.Kind, _ output: inout [UInt8]) {
        disposition = kind == .bulkData ? .hold : .write
        let path = isWriting ? JSONText.unescaped(captured).flatMap { rewriter?.path(for: $0, kind: kind) } : nil
        guard let path else {
            disposition = .write
            held.removeAll(keepingCapacity: true)
            if kind == .retrieve, isWriting { output.append(contentsOf: Array("null".utf8)) }
            return
        }
        release(into: &output)
        placeholders += 1
        output.append(UInt8(ascii: "\""))
        output.append(baseURLPlaceholder)
        output.append(contentsOf: path)
        output.append(UInt8(ascii: "\""))
    }

    private mutating func takeLiteral(_ position: Int) throws(RewriteError) {
        switch frames.last?.role {
        case nil, .dataSets?: throw JSONTokenizer.error(position, "a number or word in place of a data set")
        case .values(let tag, isTop: true)?:
            if let attribute = DataSetIdentity.Attribute(rawValue: tag) {
                try identity.note(attribute, String(decoding: tokenizer.literal, as: UTF8.self))
            }
        default: break
        }
    }

    // MARK: Objects and arrays

    private mutating func open(isObject: Bool, _ position: Int) throws(RewriteError) -> Event? {
        let role: Role
        switch (frames.last?.role, frames.last?.key ?? .other) {
        case (nil, _): role = isObject ? .attributes(isTop: true) : .dataSets
        case (.dataSets, _):
            guard isObject else { throw JSONTokenizer.error(position, "an array in place of a data set") }
            role = .attributes(isTop: true)
        case (.attributes(let isTop), .tag(let tag)) where isObject: role = .element(tag: tag, isTop: isTop)
        case (.element(let tag, let isTop), .value) where !isObject: role = .values(tag: tag, isTop: isTop)
        case (.values, _) where isObject: role = .attributes(isTop: false)
        default: role = .opaque
        }
        frames.append(Frame(role: role))
        guard case .attributes(isTop: true) = role else { return nil }
        identity = DataSetIdentity()
        return .dataSetBegan
    }

    private mutating func close() -> Event? {
        switch frames.popLast()?.role {
        case .attributes(isTop: true): return .dataSetEnded
        case .element(_, isTop: true): return !isWriting && identity.isKnown ? .identified : nil
        default: return nil
        }
    }
}
