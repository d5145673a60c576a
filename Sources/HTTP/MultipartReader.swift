// Takes multipart bodies apart as they arrive. Must not know what a part holds, nor hold more of it than a delimiter
// could hide in.

/// Reads a multipart body piece by piece; pure.
///
/// It takes what archives really send: a preamble, a first delimiter with or without a line break before it, parts
/// without Content-Length, a missing last line break, and a body without any boundary, which counts as one part. A
/// Content-Length is believed only when a delimiter follows the payload at that place: then delimiters inside the
/// payload are payload; else the first delimiter ends the part.
///
/// Spec: RFC 2046 §5.1.1, PS3.18 §8.6.1.2.
package struct MultipartReader: Sendable {
    package enum Event: Sendable, Equatable {
        case partBegan(HTTPFields)
        /// A piece of the payload, never empty; as large as what was fed where possible.
        case partBytes([UInt8])
        case partEnded
        /// The closing delimiter was seen; what follows is ignored.
        case ended
    }

    package struct Limits: Sendable {
        /// Octets of one part's head.
        package var partHeadSize = 16 << 10
        package var parts = 1_000_000
        /// Octets before the first delimiter.
        package var preambleSize = 64 << 10
        /// Octets held back while a Content-Length and a delimiter contradict each other.
        package var doubtfulSize = 1 << 20
        package init() {}
    }

    private enum State {
        case raw(MediaType, hasBegun: Bool)
        case preamble
        case head
        /// At the first octet of a payload that may be empty and without the line break before its delimiter.
        case payloadStart(length: Int?)
        /// `length`: what is left of the part's Content-Length; nil when there is none, or it proved wrong.
        case payload(length: Int?)
        case ended
        case failed(MultipartError)
    }

    private let search: DelimiterSearch
    private let limits: Limits
    private var state: State
    /// Octets fed but not decided upon.
    private var pending: [UInt8] = []
    /// How far `pending` has been searched for the first delimiter, or for a head's end.
    private var searched = 0
    private var parts = 0

    /// The longest boundary that is read; RFC 2046 allows 70.
    private static let boundaryLimit = 256

    /// - Parameter contentType: the response's Content-Type. Without a boundary the body is one part, whose Content-Type
    ///   is this type itself, or for a multipart type its root's.
    package init(contentType: MediaType, limits: Limits = Limits()) {
        self.limits = limits
        let boundary = contentType[parameter: "boundary"] ?? ""
        search = DelimiterSearch(boundary: boundary)
        if boundary.isEmpty || !contentType.type.hasPrefix("multipart/") {
            state = .raw(Self.rootType(of: contentType), hasBegun: false)
        } else if boundary.utf8.count > Self.boundaryLimit {
            state = .failed(.malformed("The boundary has \(boundary.utf8.count) octets."))
        } else {
            state = .preamble
            // As if the body followed a line break: the first delimiter is then one like all others.
            pending = Array("\r\n".utf8)
        }
    }

    /// Takes the next piece of the body.
    ///
    /// - Throws: ``MultipartError``; then every further call throws it again.
    package mutating func feed(_ bytes: [UInt8]) throws(MultipartError) -> [Event] {
        guard !bytes.isEmpty else { return [] }
        switch state {
        case .failed(let error): throw error
        case .ended: return []
        case .raw(let type, let hasBegun):
            state = .raw(type, hasBegun: true)
            return hasBegun ? [.partBytes(bytes)] : [.partBegan(Self.fields(for: type)), .partBytes(bytes)]
        default: break
        }
        if pending.isEmpty { pending = bytes } else { pending.append(contentsOf: bytes) }
        return try advance()
    }

    /// The body has ended.
    ///
    /// - Returns: what was held back until now: a raw body's end, or that of a part whose Content-Length was too long.
    /// - Throws: `.truncated` unless the closing delimiter was seen.
    @discardableResult
    package mutating func finish() throws(MultipartError) -> [Event] {
        var events: [Event] = []
        if case .raw(let type, let hasBegun) = state {
            events = hasBegun ? [] : [.partBegan(Self.fields(for: type))]
            state = .ended
            return events + [.partEnded, .ended]
        }
        while case .payload(.some) = state {
            // No octet will come where the Content-Length promised one.
            state = .payload(length: nil)
            events += try advance()
        }
        switch state {
        case .ended: return events
        case .failed(let error): throw error
        default: throw .truncated
        }
    }

    private static func rootType(of type: MediaType) -> MediaType {
        guard type.type.hasPrefix("multipart/") else { return type }
        // Some servers write the root's parameters into the quotes as well.
        guard var root = type[parameter: "type"].flatMap({ MediaType(parsing: $0) }) else {
            return MediaType("application/octet-stream")
        }
        if root[parameter: "transfer-syntax"] == nil, let syntax = type[parameter: "transfer-syntax"] {
            root.parameters.append(MediaType.Parameter(name: "transfer-syntax", value: syntax))
        }
        return root
    }

    private static func fields(for type: MediaType) -> HTTPFields {
        var fields = HTTPFields()
        fields.append("Content-Type", type.description)
        return fields
    }
}

package enum MultipartError: Error, Equatable {
    case truncated, headTooLarge, tooManyParts
    case malformed(String)
}

// MARK: - The machine

extension MultipartReader {
    /// Does everything that the pending octets allow.
    private mutating func advance() throws(MultipartError) -> [Event] {
        var events: [Event] = []
        var position = 0
        do throws(MultipartError) {
            while try step(&position, &events) {}
        } catch {
            state = .failed(error)
            pending = []
            throw error
        }
        if position == pending.count { pending = [] } else if position > 0 { pending.removeFirst(position) }
        searched = max(0, searched - position)
        return events
    }

    /// One transition; false when more octets are needed.
    private mutating func step(_ position: inout Int, _ events: inout [Event]) throws(MultipartError) -> Bool {
        switch state {
        case .preamble: return try skipPreamble(&position, &events)
        case .head: return try readHead(&position, &events)
        case .payloadStart(let length): return try startPayload(&position, &events, length: length)
        case .payload(let length): return try readPayload(&position, &events, length: length)
        case .ended, .raw:
            position = pending.count
            return false
        case .failed(let error): throw error
        }
    }

    private mutating func skipPreamble(
        _ position: inout Int, _ events: inout [Event]
    ) throws(MultipartError) -> Bool {
        // Where nothing begins nothing is looked for again.
        switch search.first(in: pending.span, from: max(position, searched)) {
        case .delimiter(let start, let end, let isClosing) where start <= limits.preambleSize:
            position = end
            try beginPart(isClosing: isClosing, &events)
            return true
        case .possible(let start) where start <= limits.preambleSize:
            searched = start
            return false
        case .none where pending.count <= limits.preambleSize:
            searched = pending.count
            return false
        case .none, .possible, .delimiter:
            throw .malformed("No delimiter at the beginning of the body.")
        }
    }

    private mutating func beginPart(isClosing: Bool, _ events: inout [Event]) throws(MultipartError) {
        if isClosing {
            state = .ended
            events.append(.ended)
        } else {
            parts += 1
            guard parts <= limits.parts else { throw .tooManyParts }
            searched = 0
            state = .head
        }
    }

    private mutating func readHead(_ position: inout Int, _ events: inout [Event]) throws(MultipartError) -> Bool {
        searched = max(searched, position)
        guard let end = PartHead.end(in: pending.span, from: position, searched: searched) else {
            guard pending.count - position <= limits.partHeadSize else { throw .headTooLarge }
            searched = max(position, pending.count - 3)
            return false
        }
        guard end - position <= limits.partHeadSize else { throw .headTooLarge }
        let fields = PartHead.fields(in: pending.span.extracting(position..<end))
        position = end
        events.append(.partBegan(fields))
        state = .payloadStart(length: fields["Content-Length"].flatMap(PartHead.length))
        return true
    }

    /// A part without a payload: its head's blank line is also its delimiter's line break.
    private mutating func startPayload(
        _ position: inout Int, _ events: inout [Event], length: Int?
    ) throws(MultipartError) -> Bool {
        // Only a blank line that was kept stands at the beginning.
        if position == 0 { position = 2 }
        state = .payload(length: length)
        guard length ?? 0 == 0, position >= 2, pending[position - 2] == UInt8(ascii: "\r") else { return true }
        switch search.match(in: pending.span, at: position - 2) {
        case .none: return true
        case .possible:
            // Keeps the blank line, so that it can be looked at again.
            position -= 2
            state = .payloadStart(length: length)
            return false
        case .delimiter(_, let end, let isClosing):
            position = end
            events.append(.partEnded)
            try beginPart(isClosing: isClosing, &events)
            return true
        }
    }

    private mutating func readPayload(
        _ position: inout Int, _ events: inout [Event], length: Int?
    ) throws(MultipartError) -> Bool {
        var match = search.first(in: pending.span, from: position)
        if let length, let start = match.start, start - position < length {
            // A delimiter before the promised end: the octets at that end decide which of both is right.
            let atEnd = search.match(in: pending.span, at: position + length)
            if case .possible = atEnd {
                guard pending.count - start <= limits.doubtfulSize else {
                    throw .malformed("A part's Content-Length disagrees with its delimiter.")
                }
                emit(&position, upTo: start, &events, length: length)
                return false
            }
            if case .delimiter = atEnd { match = atEnd }
        }
        switch match {
        case .none:
            emit(&position, upTo: pending.count, &events, length: length)
            return false
        case .possible(let start):
            emit(&position, upTo: start, &events, length: length)
            return false
        case .delimiter(let start, let end, let isClosing):
            emit(&position, upTo: start, &events, length: length)
            position = end
            events.append(.partEnded)
            try beginPart(isClosing: isClosing, &events)
            return true
        }
    }

    private mutating func emit(_ position: inout Int, upTo end: Int, _ events: inout [Event], length: Int?) {
        guard end > position else { return }
        let isWhole = position == 0 && end == pending.count
        events.append(.partBytes(isWhole ? pending : Array(pending[position..<end])))
        state = .payload(length: length.flatMap { $0 >= end - position ? $0 - (end - position) : nil })
        position = end
    }
}
