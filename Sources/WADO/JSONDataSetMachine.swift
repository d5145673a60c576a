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
        /// What stands outside of everything.
        case document
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
        var members = Members.none
    }

    /// What has become of an element's members so far: the first one that is written has no comma before it.
    private enum Members { case none, dropped, written }

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
    static let retrieveURL: UInt32 = 0x0008_1190

    private var rewriter: ReferenceRewriter?
    /// False while the data set's UIDs are being looked for.
    private var isWriting = false
    private(set) var identity = DataSetIdentity()
    /// URLs that became placeholders.
    private(set) var placeholders = 0

    private var tokenizer = JSONTokenizer()
    /// The object or array that is being read, and those around it.
    private var top = Frame(role: .document)
    private var outer: [Frame] = []
    private var disposition = Disposition.write
    /// What earlier pieces held of the octets on hold, and where they begin in the present piece.
    private var held: [UInt8] = []
    private var holdStart = 0
    private var capture: Capture?
    private var captured = PiecewiseText()
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
        captured.goOn(at: position)
        holdStart = position
        do throws(RewriteError) {
            while true {
                var event = try passPlainElements(bytes, &position)
                if event == nil {
                    guard let token = try tokenizer.next(in: bytes.span, at: &position) else { break }
                    event = try take(token, bytes, position, &mark, &output)
                }
                guard let event else { continue }
                pass(bytes, &mark, upTo: position, into: &output)
                offset += position - start
                if event == .dataSetEnded { isWriting = false }
                return event
            }
            if capture != nil { try captured.keep(bytes, upTo: position) }
        } catch {
            guard case .malformed(let place, let detail) = error else { throw error }
            throw .malformed(offset: offset + place - start, detail: detail)
        }
        pass(bytes, &mark, upTo: position, into: &output)
        offset += position - start
        guard held.count <= Self.holdLimit else { throw .tooLarge(detail: "A member's name of \(held.count) octets.") }
        return nil
    }

    /// Goes past attributes in which no URL stands, where such come next.
    @inline(__always)
    private mutating func passPlainElements(_ bytes: [UInt8], _ position: inout Int) throws(RewriteError) -> Event? {
        while case .attributes(let isTop) = top.role, tokenizer.isBeforeMember(opening: PlainElements.depth),
            let passed = PlainElements.pass(bytes.span, &position, isTop: isTop)
        {
            switch passed {
            case .elements: tokenizer.passedMember()
            case .value(let attribute, let range):
                tokenizer.passedMember()
                try identity.note(attribute, bytes[range])
                return isIdentified
            case .item(let tag):
                tokenizer.passedItemStart()
                outer.append(top)
                outer.append(Frame(role: .element(tag: tag, isTop: isTop), key: .value, members: .written))
                outer.append(Frame(role: .values(tag: tag, isTop: isTop)))
                top = Frame(role: .attributes(isTop: false))
            }
        }
        return nil
    }

    /// Once for each data set, unless it is being written already.
    private var isIdentified: Event? { !isWriting && identity.isKnown ? .identified : nil }

    // MARK: Octets

    /// Disposes of the octets up to a place.
    private mutating func pass(_ bytes: [UInt8], _ mark: inout Int, upTo end: Int, into output: inout [UInt8]) {
        if isWriting, end > mark {
            switch disposition {
            case .write: output.append(contentsOf: bytes[mark..<end])
            case .hold:
                if holdStart > mark { output.append(contentsOf: bytes[mark..<holdStart]) }
                held.append(contentsOf: bytes[holdStart..<end])
                holdStart = end
            case .swallow: break
            }
        }
        mark = max(mark, end)
    }

    private mutating func hold(from start: Int) {
        guard isWriting, case .write = disposition else { return }
        disposition = .hold
        holdStart = start
    }

    /// Lets what is on hold be written: mostly as a part of the run of octets that it stands in.
    private mutating func release(_ bytes: [UInt8], _ position: Int, _ mark: inout Int, _ output: inout [UInt8]) {
        guard case .hold = disposition else { return }
        if !held.isEmpty || top.members == .dropped {
            pass(bytes, &mark, upTo: position, into: &output)
            writeHeld(into: &output)
        }
        disposition = .write
        top.members = .written
    }

    private mutating func writeHeld(into output: inout [UInt8]) {
        output.append(contentsOf: top.members == .dropped ? held.drop { $0 == UInt8(ascii: ",") } : held[...])
        held.removeAll(keepingCapacity: true)
    }

    private mutating func beginCapture(_ capture: Capture, at position: Int) {
        self.capture = capture
        let limit = if case .key = capture { Self.keyLimit } else { ReferenceRewriter.sizeLimit }
        captured.begin(at: position, limit: limit)
    }

    // MARK: Tokens

    private mutating func take(
        _ token: JSONTokenizer.Token, _ bytes: [UInt8], _ position: Int, _ mark: inout Int, _ output: inout [UInt8]
    ) throws(RewriteError) -> Event? {
        switch token {
        case .colon: return nil
        case .comma:
            if case .element = top.role { hold(from: position - 1) }
            return nil
        case .beginString(isKey: true):
            beginKey(position)
            return nil
        case .endString(isKey: true):
            try endKey(bytes, position, &mark, &output)
            return nil
        case .beginString(isKey: false):
            try beginValue(bytes, position, &mark, &output)
            return nil
        case .endString(isKey: false):
            try endValue(bytes, position, &mark, &output)
            return nil
        case .literal:
            try takeLiteral(position)
            release(bytes, position, &mark, &output)
            return nil
        case .beginObject, .beginArray:
            release(bytes, position, &mark, &output)
            return try open(isObject: token == .beginObject, position)
        case .endObject, .endArray: return close()
        }
    }

    private mutating func beginKey(_ position: Int) {
        switch top.role {
        case .element:
            hold(from: position - 1)
            beginCapture(.key, at: position)
        case .attributes: beginCapture(.key, at: position)
        default: break
        }
    }

    private mutating func endKey(
        _ bytes: [UInt8], _ position: Int, _ mark: inout Int, _ output: inout [UInt8]
    ) throws(RewriteError) {
        guard case .key? = capture else { return }
        top.key = JSONMemberKey(raw: try captured.whole(bytes, upTo: position - 1))
        capture = nil
        if top.key != .bulkDataURI { release(bytes, position, &mark, &output) }
    }

    private mutating func beginValue(
        _ bytes: [UInt8], _ position: Int, _ mark: inout Int, _ output: inout [UInt8]
    ) throws(RewriteError) {
        switch top.role {
        case .document, .dataSets: throw JSONTokenizer.error(position, "a text in place of a data set")
        case .element where top.key == .bulkDataURI:
            beginURL(.bulkData, bytes, position, &mark, &output)
        case .values(Self.retrieveURL, _):
            beginURL(.retrieve, bytes, position, &mark, &output)
        case .values(let tag, isTop: true):
            if let attribute = DataSetIdentity.Attribute(rawValue: tag) {
                beginCapture(.value(attribute), at: position)
            }
        default: break
        }
    }

    private mutating func beginURL(
        _ kind: ReferenceRewriter.Kind, _ bytes: [UInt8], _ position: Int, _ mark: inout Int, _ output: inout [UInt8]
    ) {
        pass(bytes, &mark, upTo: position - 1, into: &output)
        disposition = .swallow
        beginCapture(.url(kind), at: position)
    }

    private mutating func endValue(
        _ bytes: [UInt8], _ position: Int, _ mark: inout Int, _ output: inout [UInt8]
    ) throws(RewriteError) {
        guard let capture else { return }
        let raw = try captured.whole(bytes, upTo: position - 1)
        self.capture = nil
        switch capture {
        case .key: return
        case .value(let attribute): try identity.note(attribute, JSONText.unescaped(raw) ?? [])
        case .url(let kind):
            // The closing quote goes with the rest.
            mark = position
            disposition = .write
            if isWriting { replaceURL(raw, kind, &output) }
        }
    }

    /// Writes what a URL becomes, and before it what was on hold; or neither.
    private mutating func replaceURL(
        _ raw: ArraySlice<UInt8>, _ kind: ReferenceRewriter.Kind, _ output: inout [UInt8]
    ) {
        let path = JSONText.unescaped(raw).flatMap { rewriter?.path(for: $0, kind: kind) }
        switch (kind, path) {
        case (.retrieve, nil): output.append(contentsOf: "null".utf8)
        case (.bulkData, nil):
            held.removeAll(keepingCapacity: true)
            if top.members == .none { top.members = .dropped }
        case (_, let path?):
            if kind == .bulkData {
                writeHeld(into: &output)
                top.members = .written
            }
            placeholders += 1
            output.append(UInt8(ascii: "\""))
            output.append(baseURLPlaceholder)
            output.append(contentsOf: path)
            output.append(UInt8(ascii: "\""))
        }
    }

    private mutating func takeLiteral(_ position: Int) throws(RewriteError) {
        switch top.role {
        case .document, .dataSets: throw JSONTokenizer.error(position, "a number or word in place of a data set")
        case .values(let tag, isTop: true):
            if let attribute = DataSetIdentity.Attribute(rawValue: tag) {
                try identity.note(attribute, tokenizer.literal[...])
            }
        default: break
        }
    }

    // MARK: Objects and arrays

    private mutating func open(isObject: Bool, _ position: Int) throws(RewriteError) -> Event? {
        let role: Role
        switch (top.role, top.key) {
        case (.document, _): role = isObject ? .attributes(isTop: true) : .dataSets
        case (.dataSets, _):
            guard isObject else { throw JSONTokenizer.error(position, "an array in place of a data set") }
            role = .attributes(isTop: true)
        case (.attributes(let isTop), .tag(let tag)) where isObject: role = .element(tag: tag, isTop: isTop)
        case (.element(let tag, let isTop), .value) where !isObject: role = .values(tag: tag, isTop: isTop)
        case (.values, _) where isObject: role = .attributes(isTop: false)
        default: role = .opaque
        }
        outer.append(top)
        top = Frame(role: role)
        guard case .attributes(isTop: true) = role else { return nil }
        identity = DataSetIdentity()
        return .dataSetBegan
    }

    private mutating func close() -> Event? {
        let closed = top.role
        if let next = outer.popLast() { top = next }
        switch closed {
        case .attributes(isTop: true): return .dataSetEnded
        case .element(_, isTop: true): return isIdentified
        default: return nil
        }
    }
}
