import FHIR
import Testing

@Suite struct JSONReaderTests {
    /// Reads an Endpoint's name, since the tree itself is nobody's business.
    private func name(_ json: String) throws -> String? {
        let text = #"{"resourceType":"Endpoint","status":"active","name":\#(json)}"#
        return try FHIRDocument(json: Array(text.utf8)).endpoints.first?.endpoint.name
    }

    @Test(arguments: [
        (#""plain""#, "plain"), (#""a\"b\\c\/d""#, "a\"b\\c/d"), (#""\b\f\n\r\t""#, "\u{8}\u{c}\n\r\t"),
        (#""\u00e9\u20AC""#, "é€"), (#""\ud83d\ude00""#, "😀"), (#""\ud83d""#, "\u{fffd}"), (#""\ud83dx""#, "\u{fffd}x"),
        (#""\ud83d\u0041""#, "\u{fffd}A"), (#""\ude00""#, "\u{fffd}"), (#""""#, ""),
    ])
    func readsStrings(json: String, expected: String) throws {
        #expect(try name(json) == expected)
    }

    @Test func repairsTextThatIsNotUTF8() throws {
        let bytes = Array(#"{"resourceType":"Endpoint","name":"a"#.utf8) + [0xff] + Array(#"b"}"#.utf8)
        #expect(try FHIRDocument(json: bytes).endpoints.first?.endpoint.name == "a\u{fffd}b")
    }

    @Test func passesOverAByteOrderMarkAndWhiteSpace() throws {
        let bytes = [0xef, 0xbb, 0xbf] + Array(" \r\n\t{ \"resourceType\" : \"Endpoint\" } \n".utf8)
        #expect(try FHIRDocument(json: bytes).endpoints.count == 1)
    }

    @Test(arguments: [
        "", " ", "{", "[", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,}", "[1,]", "[1 2]", "{a:1}", "nul", "truth",
        "+1", "1x",
        "--1", "1e", "\"a", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "{} {}", "'a'", "\u{1}", "<html></html>", "]", "\\",
    ])
    func refusesWhatIsNotJSON(text: String) {
        #expect {
            try FHIRDocument(json: Array(text.utf8))
        } throws: { error in
            if case FHIRError.malformed = error { true } else { false }
        }
    }

    @Test(arguments: ["1", "[]", "{}", "null", #"{"resourceType":1}"#, #""Bundle""#])
    func refusesWhatIsNotAResource(text: String) {
        #expect(throws: FHIRError.notAResource(path: "the document")) { try FHIRDocument(json: Array(text.utf8)) }
    }

    @Test func namesTheByteAtFault() {
        #expect(throws: FHIRError.malformed(offset: 8, "a colon is missing")) {
            try FHIRDocument(json: Array(#"{ "one" 1}"#.utf8))
        }
    }

    @Test func boundsDepthSizeAndCount() {
        let deep = String(repeating: "[", count: 100_000)
        #expect(throws: FHIRError.tooLarge("64 levels")) { try FHIRDocument(json: Array(deep.utf8)) }
        var limits = JSONLimits()
        limits.bytes = 10
        limits.values = 3
        #expect(throws: FHIRError.tooLarge("10 bytes")) {
            try FHIRDocument(json: Array("[1,2,3,4,5]".utf8), limits: limits)
        }
        #expect(throws: FHIRError.tooLarge("3 values")) {
            try FHIRDocument(json: Array("[1,2,3]".utf8), limits: limits)
        }
    }

    /// Cuts of a real document, and changed bytes in it, end in a result or a typed error.
    @Test(arguments: Version.allCases)
    func survivesCutsAndChangedBytes(version: Version) {
        let bytes = Array(searchset([version.study, version.endpoint("rs", "dicom-wado-rs", "https://pacs/dw")]).utf8)
        for end in stride(from: 0, to: bytes.count, by: 37) { _ = try? FHIRDocument(json: Array(bytes[..<end])) }
        let replacements: [UInt8] = [0, 0x22, 0x5b, 0x7b, 0x5d, 0x7d, 0x2c, 0x39, 0xff]
        for (index, replacement) in zip(stride(from: 0, to: bytes.count, by: 5), replacements.cycled()) {
            var changed = bytes
            changed[index] = replacement
            _ = try? FHIRDocument(json: changed)
        }
    }
}

extension Array where Element == UInt8 {
    fileprivate func cycled() -> some Sequence<UInt8> {
        sequence(state: 0) { (state: inout Int) -> UInt8? in
            defer { state += 1 }
            return self[state % self.count]
        }
    }
}
