import HTTP
import Testing

@Suite struct MediaTypeTests {
    /// What viewers and archives write → how it is understood, in its exact form.
    @Test(arguments: [
        ("application/dicom", "application/dicom"),
        ("Application/DICOM+JSON", "application/dicom+json"),
        ("multipart/related; type=\"application/dicom\"", "multipart/related; type=\"application/dicom\""),
        (
            "multipart/related; type=application/octet-stream; transfer-syntax=*",
            "multipart/related; type=\"application/octet-stream\"; transfer-syntax=*"
        ),
        (
            "multipart/related;type='application/dicom';transfer-syntax=1.2.840.10008.1.2.1",
            "multipart/related; type=\"application/dicom\"; transfer-syntax=1.2.840.10008.1.2.1"
        ),
        ("multipart/related ; TYPE = \"image/*\" ; boundary = x", "multipart/related; type=\"image/*\"; boundary=x"),
        (
            "multipart/related; type=\"application/octet-stream\"; transfer-syntax=*; transfer-syntax=1.2",
            "multipart/related; type=\"application/octet-stream\"; transfer-syntax=*; transfer-syntax=1.2"
        ),
        (
            "multipart/related; type=\"application/octet-stream; transfer-syntax=1.2\"",
            "multipart/related; type=\"application/octet-stream; transfer-syntax=1.2\""
        ),
        ("text/html; charset=utf-8;", "text/html; charset=utf-8"),
        ("text/html;;;charset=utf-8", "text/html; charset=utf-8"),
        ("text/html; flag; charset=utf-8", "text/html; charset=utf-8"),
        ("a/b; boundary='x", "a/b; boundary='x"),
        ("a/b; x=\"q\\\"uo\\\\te\"", "a/b; x=\"q\\\"uo\\\\te\""),
        ("a/b; x=\"open", "a/b; x=open"),
        ("a/b; x=", "a/b; x=\"\""),
    ])
    func reads(text: String, expected: String) throws {
        let type = try #require(MediaType(parsing: text))
        #expect(type.description == expected)
        #expect(MediaType(parsing: type.description) == type)
    }

    @Test(arguments: ["", "text", "/", "text/", "/html", "a b/c", "text/html, image/png", "a/b c/d", ";a=b"])
    func refuses(text: String) {
        #expect(MediaType(parsing: text) == nil)
    }

    @Test func answersParametersInTheirOrder() throws {
        let type = try #require(MediaType(parsing: "a/b; X=1; x=2"))
        #expect(type[parameter: "x"] == "1")
        #expect(type.values(ofParameter: "x") == ["1", "2"])
        #expect(type[parameter: "y"] == nil)
    }
}

@Suite struct AcceptTests {
    private func ranges(_ values: String...) -> [String] {
        Accept(values).entries.map { $0.weight == 1000 ? $0.range.description : "\($0.range) @\($0.weight)" }
    }

    @Test func sortsByWeightThenByPosition() {
        #expect(
            ranges("a/a;q=0.5, b/b, c/c;q=0.51;x=y", "d/d") == ["b/b", "d/d", "c/c; x=y @510", "a/a @500"])
    }

    @Test func nothingMeansAnything() {
        #expect(ranges() == ["*/*"])
        #expect(ranges(" ") == ["*/*"])
    }

    @Test func leavesOutWhatCannotBeRead() {
        #expect(ranges("bogus, , text/html, *, \"a,b\", x/y") == ["text/html", "x/y"])
        #expect(ranges("bogus").isEmpty)
    }

    @Test func commasInsideQuotesDontSplit() {
        #expect(ranges("a/b; x=\"1,2\", c/d") == ["a/b; x=\"1,2\"", "c/d"])
    }

    @Test func readsWeightsAfterAnyParameter() {
        #expect(
            ranges("multipart/related; type=application/dicom; q=0.1; transfer-syntax=*, image/png; q=0")
                == ["multipart/related; type=\"application/dicom\"; transfer-syntax=* @100", "image/png @0"])
    }

    @Test(arguments: ["2", "-1", "x", "0.1234", "1e3", ""])
    func unreadableWeightCountsAsOne(weight: String) {
        #expect(ranges("a/b; q=\(weight)") == ["a/b"])
    }

    @Test func looksAtABoundedNumberOfEntries() {
        #expect(Accept([Array(repeating: "a/b", count: 1000).joined(separator: ",")]).entries.count == 64)
    }
}
