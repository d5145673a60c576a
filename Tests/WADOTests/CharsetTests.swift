import CachePolicy
import DICOM
import FHIR
import HTTP
import Testing
import WADO

@Suite struct CharsetTests {
    private static let rendered = "/dicom-web/studies/1/series/2/instances/3/rendered?"
    private static let uri = "/wado?requestType=WADO&studyUID=1&seriesUID=2&objectUID=3&"

    /// Media type before query before field (PS3.18 §8.8.1).
    @Test(
        arguments: [
            (rendered, ["text/html"], nil, []),
            (rendered + "charset=ISO-8859-1", ["text/html"], "utf-8", ["iso-8859-1"]),
            (rendered + "charset=ISO-8859-1", ["text/html;charset=\"UTF8\""], "gb18030", ["utf-8"]),
            (rendered + "charset=a;q=0.1,b,%20c;q=0.5", ["text/html"], nil, ["b", "c", "a"]),
            (rendered + "charset=a,b;q=0,a", ["text/html"], nil, ["a"]),
            (rendered, ["text/html"], "iso-8859-5, unicode-1-1;q=0.8", ["iso-8859-5", "unicode-1-1"]),
            (rendered, ["text/html"], "a b", []),
            (rendered, ["text/html"], "", []),
            (rendered + "accept=text/html;charset=gbk", ["text/*"], "utf-8", ["gbk"]),
            (uri + "contentType=text/html&charset=ISO_8859-1,*", [], "utf-8", ["iso_8859-1", "*"]),
            (uri + "contentType=text/html", ["text/html;charset=gbk"], "utf-8", ["utf-8"]),
            (uri, ["text/html;charset=gbk"], "utf-8", ["gbk"]),
        ] as [(String, [String], String?, [String])])
    func isReadInItsOrder(target: String, accept: [String], field: String?, expected: [String]) throws {
        #expect(try ask(target, accept: accept, charset: field)?.rendering.charset == expected)
    }

    @Test(arguments: ["", ",", "a,", "a%20b", "utf%2F8", "\u{22}", "a;q=0", "a=b"])
    func whatIsNoListIsRefusedInTheQuery(value: String) {
        for target in [Self.rendered, Self.uri] {
            let error = refusal(target + "charset=" + value)
            #expect(error?.status == 400, "\(target)\(value)")
            #expect(error?.message.contains("\"charset\"") == true)
        }
    }

    @Test(arguments: [("utf-8", nil), ("gbk,*;q=0.1", nil), ("gbk", 406), ("gbk, utf8;q=0", 406)] as [(String, Int?)])
    func metadataIsInUTF8(value: String, status: Int?) {
        #expect(refusal("/dicom-web/studies/1/metadata?charset=" + value)?.status == status)
    }

    /// One spelling for both protocols; where UTF-8 would do, it is only a wish.
    @Test(
        arguments: [
            (["iso-8859-1", "gbk"], [:], "charset=iso-8859-1,gbk", [.charset], []),
            (["x+y"], [.charset: .configured(true)], "charset=x%2By", [.charset], []),
            (["gbk", "utf-8"], [:], nil, [], [.charset]),
            (["gbk", "utf-8"], [.charset: .configured(true)], "charset=gbk,utf-8", [], [.charset]),
            (["gbk", "*"], [.charset: .configured(true)], "charset=gbk", [], [.charset]),
            (["*"], [.charset: .configured(true)], nil, [], []),
        ] as [([String], [Ability: Abilities.Knowledge], String?, Set<Ability>, Set<Ability>)])
    func isAskedOfArchivesThatHonourIt(
        names: [String], known: [Ability: Abilities.Knowledge], item: String?, needs: Set<Ability>, wants: Set<Ability>
    ) throws {
        let target = InstanceTarget(study: UID(literal: "1"), series: UID(literal: "2"), instance: UID(literal: "3"))
        var rendering = RenderingParameters()
        rendering.charset = names
        for (type, base) in [(ConnectionType.wadoRS, "http://a/rs"), (.wadoURI, "http://a/wado")] {
            func request(_ mediaType: String) throws -> BackendRequest {
                try BackendRequest(
                    for: .rendered(frame: nil, parameters: "", type: mediaType), of: target, rendering: rendering,
                    from: type, base: try #require(HTTPURL(base)),
                    abilities: Abilities(known: known), facts: nil)
            }
            let text = try request("text/html")
            let items = (text.url.query ?? "").split(separator: "&").filter { $0.hasPrefix("charset=") }
            #expect(items == (item.map { [Substring($0)] } ?? []))
            #expect(text.needs == needs)
            #expect(text.wants == wants)
            let picture = try request("image/jpeg")
            #expect(picture.url.query?.contains("charset") != true)
            #expect(picture.needs.isEmpty && picture.wants.isEmpty)
        }
    }

    @Test func aTextIsTakenWhateverItsCharacterSet() {
        let wanted = Representation.rendered(types: ["text/html"], envelope: .single)
        #expect(wanted.accepts(mediaType: "text/html; charset=gbk", transferSyntax: nil))
        #expect(!wanted.accepts(mediaType: "text/plain; charset=gbk", transferSyntax: nil))
    }
}
