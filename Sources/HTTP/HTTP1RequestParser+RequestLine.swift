// The request line: method, target, version. Spec: RFC 9112 §3.

extension HTTP1RequestParser {
    struct RequestLine {
        let method: HTTPMethod
        let target: Range<Int>
        /// 10 or 11.
        let version: Int
        /// Where the fields begin.
        let end: Int

        init(_ head: Span<UInt8>) throws(HTTP1Error) {
            var position = 0
            while FieldSyntax.isToken(head[position]) { position += 1 }
            if position == 0 {
                throw HTTP1Error(FieldSyntax.isBlank(head[0]) ? .blankBeforeFields : .methodMalformed, at: 0)
            }
            guard head[position] == 0x20 else {
                throw HTTP1Error(head[position] == 0x0D ? .requestLineMalformed : .methodMalformed, at: position)
            }
            method = Self.method(head.extracting(0..<position))
            position += 1
            let start = position
            while Self.isTarget(head[position]) { position += 1 }
            target = start..<position
            guard head[position] == 0x20 else {
                throw HTTP1Error(head[position] == 0x0D ? .requestLineMalformed : .targetMalformed, at: position)
            }
            if target.isEmpty { throw HTTP1Error(.requestLineMalformed, at: position) }
            version = try Self.version(head, at: position + 1)
            end = position + 1 + 8 + 2
        }

        /// Visible ASCII. RFC 3986 would also refuse `"`, `<`, `>`, `\`, `^`, `` ` ``, `{`, `|` and `}`; DICOM clients send
        /// some of them raw (`accept=multipart/related;type="application/dicom"`), and none of them is ambiguous here.
        private static func isTarget(_ byte: UInt8) -> Bool { byte > 0x20 && byte < 0x7F && byte != 0x23 }

        private static func method(_ name: Span<UInt8>) -> HTTPMethod {
            // The common one first, without a string.
            if name.count == 3, name[0] == 0x47, name[1] == 0x45, name[2] == 0x54 { return .get }
            return HTTPMethod(name.text)
        }

        private static func version(_ head: Span<UInt8>, at start: Int) throws(HTTP1Error) -> Int {
            var position = start
            for byte in "HTTP/".utf8 {
                if head[position] != byte { throw HTTP1Error(.versionMalformed, at: position) }
                position += 1
            }
            // The head ends with four bytes after the last visible one, so that `position + 3` is inside.
            guard isDigit(head[position]), head[position + 1] == 0x2E, isDigit(head[position + 2]),
                head[position + 3] == 0x0D
            else { throw HTTP1Error(.versionMalformed, at: position) }
            let version = Int(head[position] - 0x30) * 10 + Int(head[position + 2] - 0x30)
            guard version == 10 || version == 11 else { throw HTTP1Error(.versionUnsupported, at: position) }
            return version
        }

        /// Where path and query stand in the head, after the target's form was checked against the method and the Host field.
        ///
        /// absolute-form is accepted when it names the same host as Host does; its path and query are what counts.
        func originForm(_ head: Span<UInt8>, host: Range<Int>?) throws(HTTP1Error) -> Range<Int> {
            if method == .other("CONNECT") { throw HTTP1Error(.authorityForm, at: 0) }
            if head[target.lowerBound] == 0x2F { return target }
            if target.count == 1, head[target.lowerBound] == 0x2A, method == .options { return target }
            let text = head.extracting(target)
            let scheme: Int
            if text.count >= 7, FieldSyntax.isEqual(text.extracting(0..<7), "http://") {
                scheme = 7
            } else if text.count >= 8, FieldSyntax.isEqual(text.extracting(0..<8), "https://") {
                scheme = 8
            } else {
                throw HTTP1Error(.targetNotOrigin, at: target.lowerBound)
            }
            var end = scheme
            while end < text.count, text[end] != 0x2F, text[end] != 0x3F { end += 1 }
            try Host.check(head, target.lowerBound + scheme..<target.lowerBound + end)
            guard let host, Host.isEqual(head, host, target.lowerBound + scheme..<target.lowerBound + end) else {
                throw HTTP1Error(.hostDiffersFromTarget, at: target.lowerBound + scheme)
            }
            // A target without a path ("http://host", "http://host?query") would need bytes that are not there; nobody sends it.
            guard end < text.count, text[end] == 0x2F else { throw HTTP1Error(.authorityForm, at: target.upperBound) }
            return target.lowerBound + end..<target.upperBound
        }
    }

    static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }
}
