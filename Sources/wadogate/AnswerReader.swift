// An HTTP/1.1 answer, taken apart as it arrives. Pure.
import HTTP

/// Reads one answer from pieces of any size.
struct AnswerReader {
    struct NotHTTP: Error {}

    private enum Rest {
        case none
        case length(Int)
        case chunked(HTTP1ChunkedDecoder)
        case untilEnd
    }

    private let isHead: Bool
    private let mostBytes: Int
    private var held: [UInt8] = []
    private var rest = Rest.none
    private var hasExcess = false
    private(set) var status = 0
    /// Nil until the head is there.
    private(set) var fields: HTTPFields?
    /// More than enough for the head of our own answers.
    private static let largestHead = 64 << 10

    /// - Parameter mostBytes: of a chunked body.
    init(isHead: Bool = false, mostBytes: Int = 1 << 40) {
        self.isHead = isHead
        self.mostBytes = mostBytes
    }

    /// Whether nothing more is to come.
    var isOver: Bool {
        guard fields != nil else { return false }
        return switch rest {
        case .none: true
        case .length(let left): left == 0
        case .chunked(let decoder): decoder.isComplete
        case .untilEnd: false
        }
    }

    /// Whether the body is as long as it should be, once the connection has ended.
    var isComplete: Bool {
        if case .untilEnd = rest { return fields != nil }
        return isOver && !hasExcess
    }

    /// Takes a piece in.
    ///
    /// - Returns: the body's bytes in it, without their framing.
    /// - Throws: ``NotHTTP``.
    mutating func feed(_ bytes: [UInt8]) throws(NotHTTP) -> [UInt8] {
        guard fields == nil else { return try take(bytes) }
        let from = max(0, held.count - 3)
        held += bytes
        let end: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A]
        guard let headEnd = held.indices.dropFirst(from).first(where: { held[$0...].starts(with: end) }) else {
            if held.count > Self.largestHead { throw NotHTTP() }
            return []
        }
        try readHead(String(decoding: held[..<headEnd], as: UTF8.self))
        let body = Array(held[(headEnd + 4)...])
        held = []
        return try take(body)
    }

    private mutating func readHead(_ text: String) throws(NotHTTP) {
        let lines = text.split(separator: "\r\n")
        let words = lines.first?.split(separator: " ") ?? []
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else { throw NotHTTP() }
        var fields = HTTPFields()
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { throw NotHTTP() }
            fields.append(String(line[..<colon]), String(line[line.index(after: colon)...].drop { $0 == " " }))
        }
        self.status = status
        if isHead || status == 304 {
            rest = .none
        } else if fields["transfer-encoding"]?.lowercased() == "chunked" {
            var limits = HTTP1Limits()
            limits.bodySize = mostBytes
            rest = .chunked(HTTP1ChunkedDecoder(limits: limits))
        } else if let length = fields["content-length"].flatMap({ Int($0) }) {
            rest = .length(length)
        } else {
            rest = .untilEnd
        }
        self.fields = fields
    }

    private mutating func take(_ bytes: [UInt8]) throws(NotHTTP) -> [UInt8] {
        switch rest {
        case .none:
            hasExcess = hasExcess || !bytes.isEmpty
            return bytes
        case .length(let left):
            hasExcess = hasExcess || bytes.count > left
            rest = .length(max(0, left - bytes.count))
            return bytes
        case .untilEnd: return bytes
        case .chunked(var decoder):
            var body: [UInt8] = []
            guard let taken = try? decoder.decode(bytes.span, into: &body) else { throw NotHTTP() }
            hasExcess = hasExcess || taken < bytes.count
            rest = .chunked(decoder)
            return body
        }
    }
}
