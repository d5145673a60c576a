// The field lines, and what those say that frame the message. Spec: RFC 9112 §5, §6, §9.3; RFC 9110 §10.1.1.

extension HTTP1RequestParser {
    /// Notes where each field stands, and reads the few that concern the connection itself.
    struct FieldReader {
        let version: Int
        private var places: [HTTPFields.Place] = []
        private(set) var host: Range<Int>?
        private(set) var expectsContinue = false
        private var length: (value: Int64, offset: Int)?
        private var transferEncodingOffset: Int?
        private var saysClose = false
        private var saysKeepAlive = false

        init(version: Int) {
            self.version = version
            places.reserveCapacity(16)
        }

        /// HTTP/1.1 stays open unless told otherwise, HTTP/1.0 the other way round.
        var keepsAlive: Bool { !saysClose && (version >= 11 || saysKeepAlive) }

        mutating func read(_ head: Span<UInt8>, from start: Int) throws(HTTP1Error) {
            var position = start
            while head[position] != 0x0D {
                let place = try Self.line(head, at: &position, isFirst: position == start)
                try interpret(head, place)
                places.append(place.moved(by: start))
            }
            if host == nil, version >= 11 { throw HTTP1Error(.hostMissing, at: position) }
            if let offset = transferEncodingOffset {
                if length != nil { throw HTTP1Error(.lengthWithTransferEncoding, at: offset) }
                if version < 11 { throw HTTP1Error(.transferEncodingInHTTP10, at: offset) }
            }
        }

        /// Checks lines that nobody will read: trailers, from the first byte to the empty line.
        static func check(_ lines: Span<UInt8>) throws(HTTP1Error) {
            var position = 0
            while lines[position] != 0x0D { _ = try line(lines, at: &position, isFirst: position == 0) }
        }

        /// The fields in a buffer of their own.
        func fields(of head: Span<UInt8>, from start: Int) -> HTTPFields {
            HTTPFields(storage: head.extracting(start...).copied, places: places)
        }

        func body() throws(HTTP1Error) -> HTTP1Request.Body {
            if transferEncodingOffset != nil { return .chunked }
            guard let length, length.value > 0 else { return .none }
            return .length(length.value)
        }

        /// One line "name: value"; `position` moves behind its end.
        private static func line(
            _ head: Span<UInt8>, at position: inout Int, isFirst: Bool
        ) throws(HTTP1Error) -> HTTPFields.Place {
            let start = position
            if FieldSyntax.isBlank(head[start]) {
                throw HTTP1Error(isFirst ? .blankBeforeFields : .foldedField, at: start)
            }
            while FieldSyntax.isToken(head[position]) { position += 1 }
            let name = start..<position
            guard head[position] == 0x3A else { throw nameError(head, name) }
            if name.isEmpty { throw HTTP1Error(.fieldNameEmpty, at: start) }
            position += 1
            let valueStart = position
            while head[position] != 0x0D { position += 1 }
            let value = FieldSyntax.trimmed(head, valueStart..<position)
            position += 2
            return HTTPFields.Place(name: name, value: value)
        }

        private static func nameError(_ head: Span<UInt8>, _ name: Range<Int>) -> HTTP1Error {
            var position = name.upperBound
            let isBlank = FieldSyntax.isBlank(head[position])
            while FieldSyntax.isBlank(head[position]) { position += 1 }
            if isBlank, head[position] == 0x3A { return HTTP1Error(.blankBeforeColon, at: name.upperBound) }
            if head[position] == 0x0D { return HTTP1Error(.fieldWithoutColon, at: position) }
            return HTTP1Error(.fieldNameMalformed, at: name.upperBound)
        }

        private mutating func interpret(_ head: Span<UInt8>, _ place: HTTPFields.Place) throws(HTTP1Error) {
            let (name, value) = (head.extracting(place.name), place.value)
            switch name.count {
            case 4 where FieldSyntax.isEqual(name, "host"):
                if host != nil { throw HTTP1Error(.hostRepeated, at: place.name.lowerBound) }
                try Host.check(head, value)
                host = value
            case 6 where FieldSyntax.isEqual(name, "expect"):
                guard FieldSyntax.isEqual(head.extracting(value), "100-continue") else {
                    throw HTTP1Error(.expectationUnknown, at: value.lowerBound)
                }
                expectsContinue = version >= 11
            case 10 where FieldSyntax.isEqual(name, "connection"):
                readConnection(head.extracting(value))
            case 14 where FieldSyntax.isEqual(name, "content-length"):
                if length != nil { throw HTTP1Error(.lengthRepeated, at: place.name.lowerBound) }
                length = (try Self.length(head, value), place.name.lowerBound)
            case 17 where FieldSyntax.isEqual(name, "transfer-encoding"):
                if transferEncodingOffset != nil {
                    throw HTTP1Error(.transferEncodingRepeated, at: place.name.lowerBound)
                }
                try Self.checkTransferEncoding(head, value)
                transferEncodingOffset = place.name.lowerBound
            default: break
            }
        }

        /// Up to 18 digits, so that the number fits; no sign, no list, no zero before other digits.
        private static func length(_ head: Span<UInt8>, _ range: Range<Int>) throws(HTTP1Error) -> Int64 {
            guard !range.isEmpty, range.count <= 18, range.count == 1 || head[range.lowerBound] != 0x30 else {
                throw HTTP1Error(.lengthMalformed, at: range.lowerBound)
            }
            var value: Int64 = 0
            for position in range {
                guard isDigit(head[position]) else { throw HTTP1Error(.lengthMalformed, at: position) }
                value = value * 10 + Int64(head[position] - 0x30)
            }
            return value
        }

        /// Exactly "chunked". A list that ends with it is well-formed but not known here; anything else leaves the length open.
        private static func checkTransferEncoding(_ head: Span<UInt8>, _ range: Range<Int>) throws(HTTP1Error) {
            if FieldSyntax.isEqual(head.extracting(range), "chunked") { return }
            let codings = head.extracting(range).text.split(separator: ",", omittingEmptySubsequences: false)
                .map { coding in coding.lowercased().drop(while: \.isBlank).trimmingSuffix(while: \.isBlank) }
            let isKnownForm =
                codings.last == "chunked" && !codings.dropLast().contains("chunked") && !codings.contains("")
            throw HTTP1Error(
                isKnownForm ? .transferEncodingUnknown : .transferEncodingMalformed, at: range.lowerBound)
        }

        /// The options of a Connection field that matter: the others name fields for proxies, and nothing is passed on here.
        private mutating func readConnection(_ value: Span<UInt8>) {
            var start = 0
            for end in 0...value.count where end == value.count || value[end] == 0x2C {
                let option = value.extracting(FieldSyntax.trimmed(value, start..<end))
                if FieldSyntax.isEqual(option, "close") { saysClose = true }
                if FieldSyntax.isEqual(option, "keep-alive") { saysKeepAlive = true }
                start = end + 1
            }
        }
    }
}

extension HTTPFields.Place {
    init(name: Range<Int>, value: Range<Int>) {
        self.init(
            nameStart: UInt32(name.lowerBound), nameLength: UInt32(name.count),
            valueStart: UInt32(value.lowerBound), valueLength: UInt32(value.count))
    }

    /// The same line in a buffer that leaves off the first `count` bytes.
    func moved(by count: Int) -> Self {
        Self(
            name: name.lowerBound - count..<name.upperBound - count,
            value: value.lowerBound - count..<value.upperBound - count)
    }
}

extension Character {
    fileprivate var isBlank: Bool { self == " " || self == "\t" }
}

extension Substring {
    fileprivate func trimmingSuffix(while predicate: (Character) -> Bool) -> Substring {
        var text = self
        while let last = text.last, predicate(last) { text.removeLast() }
        return text
    }
}
