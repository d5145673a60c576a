import HTTP
import Testing

@Suite struct HTTPFieldsTests {
    @Test func namesAreComparedWithoutCase() {
        var fields: HTTPFields = ["Content-Type": "text/plain", "VARY": "Accept", "vary": "Origin"]
        #expect(fields["content-type"] == "text/plain")
        #expect(fields.values("Vary") == ["Accept", "Origin"])
        #expect(fields["Content-Typ"] == nil)
        fields.set("vArY", "Host")
        #expect(fields.values("Vary") == ["Host"])
        fields.remove("CONTENT-TYPE")
        #expect(fields.all.map(\.name) == ["vArY"])
    }

    @Test func orderIsKeptAndBlanksAreTrimmed() {
        let fields: HTTPFields = ["B": " \t2 2\t ", "A": "1", "C": ""]
        #expect(fields.all.map(\.name) == ["B", "A", "C"])
        #expect(fields.all.map(\.value) == ["2 2", "1", ""])
        #expect(fields == ["b": "2 2", "a": "1", "c": ""])
        #expect(fields != ["a": "1", "b": "2 2", "c": ""])
    }

    @Test(arguments: [
        ("X", "a\r\nSet-Cookie: b"), ("X", "a\nb"), ("X", "a\rb"), ("X", "a\0b"), ("X", "a\u{7F}"), ("X", "\u{1}"),
        ("", "a"), ("X ", "a"), ("X:", "a"), ("X\r\nY", "a"), ("Ä", "a"), ("a b", "c"), ("a(b)", "c"),
    ])
    func illegalLineIsDropped(name: String, value: String) {
        var fields = HTTPFields()
        let added = fields.append(name, value)
        #expect(!added)
        #expect(fields.isEmpty)
        fields.append("X", "old")
        fields.set("X", "new\r\n")
        #expect(fields.isEmpty)
    }

    @Test func valuesBeyondASCIIAreKept() {
        let fields: HTTPFields = ["X-Name": "Müller"]
        #expect(fields["x-name"] == "Müller")
        #expect(fields.withValue("X-NAME") { $0.count } == 7)
    }
}
