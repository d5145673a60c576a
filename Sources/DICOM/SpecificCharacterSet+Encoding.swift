// The encodings behind the defined terms of (0008,0005), and their escape sequences (PS3.3 tables C.12-2 to C.12-5).
import CIconv

extension SpecificCharacterSet {
    /// One character set with the name by which iconv knows it.
    struct Encoding: Hashable, Sendable {
        let name: String
        /// What must stand before text of it for iconv; also the sign that its characters have two bytes below 80.
        var prefix: [UInt8] = []
        /// Whether the term came in its form with code extensions.
        var isEscaped = false

        var isMultiByteG0: Bool { !prefix.isEmpty }

        static let latin1 = Encoding(name: "ISO-8859-1")
        static let utf8 = Encoding(name: "UTF-8")

        /// Nil for an unknown term; the empty term is the default repertoire. Spellings that are seen in the field are
        /// read too: `ISO IR 100`, `ISO-IR 100`, `ISO 2022 100`, lower case.
        init?(term: String) {
            var text = term.uppercased()[...]
            while text.last == " " || text.last == "\0" { text.removeLast() }
            while text.first == " " { text.removeFirst() }
            let words = text.split { $0 == " " || $0 == "_" || $0 == "-" }
            guard let last = words.last else {
                self = .latin1
                return
            }
            guard let name = Encoding.names[String(last)] else { return nil }
            self.name = name
            isEscaped = words.contains("2022")
            // These are never what text begins with; until their escape sequence comes it is ASCII.
        }

        init(name: String, prefix: [UInt8] = []) {
            self.name = name
            self.prefix = prefix
        }

        /// By the last word of the term.
        private static let names: [String: String] = [
            "6": "ISO-8859-1", "100": "ISO-8859-1", "101": "ISO-8859-2", "109": "ISO-8859-3", "110": "ISO-8859-4",
            "144": "ISO-8859-5", "127": "ISO-8859-6", "126": "ISO-8859-7", "138": "ISO-8859-8", "148": "ISO-8859-9",
            "203": "ISO-8859-15", "166": "TIS-620", "13": "SHIFT_JIS", "87": "ISO-8859-1", "159": "ISO-8859-1",
            "149": "EUC-KR", "58": "EUC-CN", "192": "UTF-8", "GB18030": "GB18030", "GBK": "GBK",
        ]

        /// By what follows ESC. Sets of one byte, and of two bytes above 80, leave ASCII as it is.
        private static let escapes: [(sequence: [UInt8], encoding: Encoding)] =
            [
                ("-A", "ISO-8859-1"), ("-B", "ISO-8859-2"), ("-C", "ISO-8859-3"), ("-D", "ISO-8859-4"),
                ("-L", "ISO-8859-5"), ("-G", "ISO-8859-6"), ("-F", "ISO-8859-7"), ("-H", "ISO-8859-8"),
                ("-M", "ISO-8859-9"), ("-b", "ISO-8859-15"), ("-T", "TIS-620"), (")I", "SHIFT_JIS"),
                ("(J", "SHIFT_JIS"),
                ("$)C", "EUC-KR"), ("$)A", "EUC-CN"),
            ].map { (Array($0.utf8), Encoding(name: $1)) } + [
                (Array("$B".utf8), Encoding(name: "ISO-2022-JP-2", prefix: [0x1B] + Array("$B".utf8))),
                (Array("$@".utf8), Encoding(name: "ISO-2022-JP-2", prefix: [0x1B] + Array("$@".utf8))),
                (Array("$(D".utf8), Encoding(name: "ISO-2022-JP-2", prefix: [0x1B] + Array("$(D".utf8))),
            ]

        /// What an escape sequence at the beginning of `bytes` switches to, and its length; nil for an unknown one.
        static func escaped(
            _ bytes: ArraySlice<UInt8>, from current: Encoding, initial: Encoding
        ) -> (Encoding, Int)? {
            let rest = bytes.dropFirst()
            // Back to ASCII; what is above 80 stays as it was, unless that was a set of two bytes below.
            if rest.starts(with: Array("(B".utf8)) { return (current.isMultiByteG0 ? initial : current, 3) }
            guard let match = escapes.first(where: { rest.starts(with: $0.sequence) }) else { return nil }
            return (match.encoding, 1 + match.sequence.count)
        }

        /// The text of a run of bytes.
        func string(_ bytes: [UInt8]) -> String {
            if name == "UTF-8" { return String(decoding: bytes, as: UTF8.self) }
            if !isMultiByteG0, bytes.allSatisfy({ $0 < 0x80 }) { return String(decoding: bytes, as: UTF8.self) }
            if let text = converted(prefix + bytes) { return text }
            // One bad byte must not cost the whole: what is ASCII stays readable.
            return String(
                String.UnicodeScalarView(bytes.map { $0 < 0x80 && !isMultiByteG0 ? Unicode.Scalar($0) : "\u{FFFD}" }))
        }

        private func converted(_ bytes: [UInt8]) -> String? {
            var length = -1
            let capacity = 3 * bytes.count
            let output = unsafe [UInt8](unsafeUninitializedCapacity: capacity) { space, count in
                // Both buffers outlive the call, which keeps none of them.
                length = unsafe bytes.withUnsafeBufferPointer { input in
                    unsafe name.withCString {
                        unsafe ciconv_to_utf8($0, input.baseAddress, input.count, space.baseAddress, capacity)
                    }
                }
                count = max(length, 0)
            }
            return length < 0 ? nil : String(decoding: output, as: UTF8.self)
        }
    }
}
