// The Host field and the authority of an absolute-form target. Spec: RFC 9110 §7.2, RFC 3986 §3.2.

extension HTTP1RequestParser {
    enum Host {
        /// Whether it is "name", "1.2.3.4" or "[v6]", each with ":port" or without. Stricter than RFC 3986: no userinfo, no percent
        /// escapes and no sub-delimiters, for no host on a network has them and they read differently in different programs.
        static func check(_ head: Span<UInt8>, _ range: Range<Int>) throws(HTTP1Error) {
            guard !range.isEmpty, range.count <= 261 else { throw HTTP1Error(.hostMalformed, at: range.lowerBound) }
            var position = range.lowerBound
            let isBracketed = head[position] == 0x5B
            if isBracketed { position += 1 }
            let start = position
            while position < range.upperBound, isBracketed ? isAddress(head[position]) : isName(head[position]) {
                position += 1
            }
            if position == start { throw HTTP1Error(.hostMalformed, at: position) }
            if isBracketed {
                guard position < range.upperBound, head[position] == 0x5D else {
                    throw HTTP1Error(.hostMalformed, at: min(position, range.upperBound - 1))
                }
                position += 1
            }
            if position == range.upperBound { return }
            guard head[position] == 0x3A, isPort(head, position + 1..<range.upperBound) else {
                throw HTTP1Error(.hostMalformed, at: position)
            }
        }

        static func isEqual(_ head: Span<UInt8>, _ one: Range<Int>, _ other: Range<Int>) -> Bool {
            guard one.count == other.count else { return false }
            return zip(one, other).allSatisfy {
                FieldSyntax.lowercased(head[$0]) == FieldSyntax.lowercased(head[$1])
            }
        }

        private static func isPort(_ head: Span<UInt8>, _ range: Range<Int>) -> Bool {
            guard !range.isEmpty, range.count <= 5 else { return false }
            var port = 0
            for position in range {
                guard isDigit(head[position]) else { return false }
                port = port * 10 + Int(head[position] - 0x30)
            }
            return port <= 65535
        }

        private static func isName(_ byte: UInt8) -> Bool {
            switch byte {
            case 0x61...0x7A, 0x41...0x5A, 0x30...0x39, 0x2D, 0x2E, 0x5F: true
            default: false
            }
        }

        private static func isAddress(_ byte: UInt8) -> Bool {
            switch byte {
            case 0x61...0x66, 0x41...0x46, 0x30...0x39, 0x2E, 0x3A: true
            default: false
            }
        }
    }
}
