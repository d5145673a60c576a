import DICOM
import Testing
import WADO

@Suite struct JSONMetadataRewriterTests {
    private static let own = "http://pacs:8042/dicom-web/studies/1.2/series/1.3/instances/1.4"
    private static let uids = """
        "00080018":{"vr":"UI","Value":["1.4"]},"0020000D":{"vr":"UI","Value":["1.2"]},"0020000E":{"vr":"UI","Value":["1.3"]}
        """

    /// An attribute before the UIDs or behind them, as it comes and as it goes; nil: unchanged.
    static let attributes: [(String, String?)] = [
        // Under the backend's base: the same path under ours.
        (
            #""00420011":{"vr":"OB","BulkDataURI":"\#(own)/bulk/00420011"}"#,
            #""00420011":{"vr":"OB","BulkDataURI":"@/studies/1.2/series/1.3/instances/1.4/bulk/00420011"}"#
        ),
        (
            #""7FE00010":{"vr":"OW","BulkDataURI":"\#(own)"}"#,
            #""7FE00010":{"vr":"OW","BulkDataURI":"@/studies/1.2/series/1.3/instances/1.4"}"#
        ),
        (
            #""7FE00010":{"BulkDataURI" : "\#(own)/frames/1%2C2" , "vr":"OW"}"#,
            #""7FE00010":{"BulkDataURI" : "@/studies/1.2/series/1.3/instances/1.4/frames/1,2" , "vr":"OW"}"#
        ),
        // Escaped slashes, characters and keys.
        (
            #""00420011":{"vr":"OB","BulkDataURI":"http:\/\/pacs:8042\/dicom-web\/studies\/1.2\/series\/1.3\/instances\/1.4\/bulk\/1"}"#,
            #""00420011":{"vr":"OB","BulkDataURI":"@/studies/1.2/series/1.3/instances/1.4/bulk/1"}"#
        ),
        (
            #""00420011":{"vr":"OB","BulkDataURI":"\u0068ttp:\u002F\u002fpacs:8042/dicom-web/studies/1.2/series/1.3/instances/1.4/bulk/1"}"#,
            #""00420011":{"vr":"OB","BulkDataURI":"@/studies/1.2/series/1.3/instances/1.4/bulk/1"}"#
        ),
        (
            #""\u003004200\u00311":{"vr":"OB","Bulk\u0044ataURI":"\#(own)/bulk/1"}"#,
            #""\u003004200\u00311":{"vr":"OB","Bulk\u0044ataURI":"@/studies/1.2/series/1.3/instances/1.4/bulk/1"}"#
        ),
        // Relative to the document.
        (
            #""00420011":{"vr":"OB","BulkDataURI":"bulk/1"}"#,
            #""00420011":{"vr":"OB","BulkDataURI":"@/studies/1.2/series/1.3/instances/1.4/bulk/1"}"#
        ),
        (
            #""00420011":{"vr":"OB","BulkDataURI":"../1.4/bulk/1"}"#,
            #""00420011":{"vr":"OB","BulkDataURI":"@/studies/1.2/series/1.3/instances/1.4/bulk/1"}"#
        ),
        (
            #""00420011":{"vr":"OB","BulkDataURI":"/other?x=1"}"#,
            #""00420011":{"vr":"OB","BulkDataURI":"@/studies/1.2/series/1.3/instances/1.4/bulkdata/~pacs%2Fother%3Fx%3D1"}"#
        ),
        // Elsewhere, of another instance, with a query, or like a token of ours: a token.
        (
            #""00420011":{"vr":"OB","BulkDataURI":"https://cdn/x"}"#,
            #""00420011":{"vr":"OB","BulkDataURI":"@/studies/1.2/series/1.3/instances/1.4/bulkdata/~cdn%2Fx"}"#
        ),
        (
            #""00420011":{"vr":"OB","BulkDataURI":"../1.5/bulk/1"}"#,
            #""00420011":{"vr":"OB","BulkDataURI":"@/studies/1.2/series/1.3/instances/1.4/bulkdata/~pacs%2Fdicom-web%2Fstudies%2F1.2%2Fseries%2F1.3%2Finstances%2F1.5%2Fbulk%2F1"}"#
        ),
        (
            #""00420011":{"vr":"OB","BulkDataURI":"bulk/1?x"}"#,
            #""00420011":{"vr":"OB","BulkDataURI":"@/studies/1.2/series/1.3/instances/1.4/bulkdata/~pacs%2Fdicom-web%2Fstudies%2F1.2%2Fseries%2F1.3%2Finstances%2F1.4%2Fbulk%2F1%3Fx"}"#
        ),
        (
            #""00420011":{"vr":"OB","BulkDataURI":"bulkdata/~x"}"#,
            #""00420011":{"vr":"OB","BulkDataURI":"@/studies/1.2/series/1.3/instances/1.4/bulkdata/~pacs%2Fdicom-web%2Fstudies%2F1.2%2Fseries%2F1.3%2Finstances%2F1.4%2Fbulkdata%2F~x"}"#
        ),
        // What may not be served is dropped, wherever it stands in its element.
        (#""00420011":{"vr":"OB","BulkDataURI":"http://evil/x"}"#, #""00420011":{"vr":"OB"}"#),
        (#""00420011":{"BulkDataURI":"http://evil/x","vr":"OB"}"#, #""00420011":{"vr":"OB"}"#),
        (#""00420011":{"a":1 , "BulkDataURI" : "ftp://pacs/x", "vr":"OB" }"#, #""00420011":{"a":1 , "vr":"OB" }"#),
        (#""00420011":{"BulkDataURI":"http://evil/x"}"#, #""00420011":{}"#),
        (#""00420011":{"vr":"OB","BulkDataURI":""}"#, #""00420011":{"vr":"OB"}"#),
        (#""00420011":{"vr":"OB","BulkDataURI":"\ud800"}"#, #""00420011":{"vr":"OB"}"#),
        // RetrieveURL, at every level of the study and in items.
        (
            #""00081190":{"vr":"UR","Value":["\#(own)"]}"#,
            #""00081190":{"vr":"UR","Value":["@/studies/1.2/series/1.3/instances/1.4"]}"#
        ),
        (
            #""00081190":{"vr":"UR","Value":["http://pacs:8042/dicom-web/studies/1.2/series/1.9", "http://pacs:8042/dicom-web/studies/1.2/"]}"#,
            #""00081190":{"vr":"UR","Value":["@/studies/1.2/series/1.9", "@/studies/1.2"]}"#
        ),
        (
            #""00081190":{"Value":["http://evil/x","http://pacs:8042/dicom-web/studies/1.9",null],"vr":"UR"}"#,
            #""00081190":{"Value":[null,"@/studies/1.2/series/1.3/instances/1.4/bulkdata/~pacs%2Fdicom-web%2Fstudies%2F1.9",null],"vr":"UR"}"#
        ),
        // Nested.
        (
            #""00081115":{"vr":"SQ","Value":[{"0020000E":{"vr":"UI","Value":["9.9"]},"00081190":{"vr":"UR","Value":["\#(own)"]}},{},{"00091001":{"vr":"SQ","Value":[{"00091002":{"vr":"OB","BulkDataURI":"bulk/1/1/1"}}]}}]}"#,
            #""00081115":{"vr":"SQ","Value":[{"0020000E":{"vr":"UI","Value":["9.9"]},"00081190":{"vr":"UR","Value":["@/studies/1.2/series/1.3/instances/1.4"]}},{},{"00091001":{"vr":"SQ","Value":[{"00091002":{"vr":"OB","BulkDataURI":"@/studies/1.2/series/1.3/instances/1.4/bulk/1/1/1"}}]}}]}"#
        ),
        // Look-alikes.
        (#""00104000":{"vr":"LT","Value":["\"BulkDataURI\":\"\#(own)\" \\","00081190","BulkDataURI"]}"#, nil),
        (
            #""00100010":{"vr":"PN","Value":[{"Alphabetic":"\#(own)","BulkDataURI":"\#(own)","00081190":"\#(own)"}]}"#,
            nil
        ),
        (#""BulkDataURI":"\#(own)""#, nil),
        (#""BulkDataURI":{"BulkDataURI":"\#(own)","Value":["\#(own)"]}"#, nil),
        (#""00081190":["\#(own)"]"#, nil),
        (#""00081190":{"vr":"UR","value":["\#(own)"],"Value":"\#(own)","x":{"BulkDataURI":"\#(own)"}}"#, nil),
        (#""00420011":{"vr":"OB","BulkDataURI":{"BulkDataURI":"\#(own)"}}"#, nil),
        (#""00420011":{"vr":"OB","BulkDataURI":["\#(own)"],"BulkDataUR":"x","bulkDataURI":"\#(own)"}"#, nil),
        (#""00420011":{"vr":"OB","BulkDataURI":null,"InlineBinary":"AAAA/+=="}"#, nil),
        (#""00081190":{"vr":"UR","Value":[["\#(own)"],1,{"a":"\#(own)"}]}"#, nil),
        (
            #""00420011":{ "vr" : "FD" , "Value" : [ -1.5e+10 , 0 , 1E5, NaN, -Infinity, true, null ] , "é😀" : "é\ud83d\ude00" }"#,
            nil
        ),
        (#""00420011":{},"00420012":{"vr":"ST"},"":"""#, nil),
    ]

    @Test(arguments: attributes)
    func rewrites(attribute: String, expected: String?) {
        for document in [
            "[{\(attribute),\(Self.uids)}]", "[{\(Self.uids),\(attribute)}]", " {\(Self.uids) , \(attribute)} ",
        ] {
            let wanted = String(
                (document.first == "[" ? document.dropFirst().dropLast() : document[...]).drop { $0 == " " }
            )
            .replacing(attribute, with: expected ?? attribute)
            let bytes = Array(document.utf8)
            let whole = Rewriting.json(bytes)
            #expect(whole.error == nil)
            #expect(whole.text == (wanted.hasSuffix(" ") ? String(wanted.dropLast()) : wanted))
            #expect(whole.dataSets == 1)
            #expect(whole.facts?.instance.string == "1.4")
            // The attribute before the UIDs is read twice: held back, then written. Two pieces, wherever the cut.
            for cut in document.hasPrefix("[{\(attribute)") ? Array(0...attribute.utf8.count + 3) : [] {
                #expect(Rewriting.json(bytes, pieces: [cut]) == whole, "cut at \(cut)")
            }
            #expect(Rewriting.json(bytes, pieces: Array(0..<bytes.count)) == whole)
        }
    }

    @Test func readsTheFactsThatOthersNeed() {
        let document = """
            [{\(Self.uids.replacing("\"1.4\"", with: "\"1.4\\u0000\"")),"00080016":{"vr":"UI","Value":["1.2.840.10008.5.1.4.1.1.2 "]},
            "00280008":{"vr":"IS","Value":["12 "]},"00280010":{"vr":"US","Value":[512]},"00280011":{"vr":"US","Value":[256]},
            "00081140":{"vr":"SQ","Value":[{"00280010":{"vr":"US","Value":[1]},"00080018":{"vr":"UI","Value":["7"]}}]}}]
            """
        let facts = Rewriting.json(Array(document.utf8)).facts
        #expect(facts?.rows == 512)
        #expect(facts?.columns == 256)
        #expect(facts?.numberOfFrames == 12)
        #expect(facts?.sopClass?.string == "1.2.840.10008.5.1.4.1.1.2")
        #expect(facts?.instance.string == "1.4")
    }

    @Test(arguments: ["", " \n", "[]", " [ ] ", "\u{FEFF}", "\u{FEFF}[]"])
    func emptyDocumentHoldsNothing(document: String) {
        for pieces in [[], Array(0..<document.utf8.count)] {
            let result = Rewriting.json(Array(document.utf8), pieces: pieces)
            #expect(result.error == nil)
            #expect(result.text.isEmpty)
            #expect(result.dataSets == 0)
            #expect(result.facts == nil)
        }
    }

    @Test(arguments: [1, 7, 64, 10_000])
    func tellsWhereEachDataSetLies(size: Int) throws {
        let link = #","00081190":{"vr":"UR","Value":["http://pacs/dicom-web/studies/1.2"]},"00280008":{"Value":["3"]}"#
        let documents = ["1.4", "1.5", "1.6"].map { "{\(Self.uids.replacing("1.4", with: $0))\(link)}" }
        let bytes = Array("[\(documents.joined(separator: " , "))]".utf8)
        let setting = try #require(Setting(instance: nil))
        var rewriter = JSONMetadataRewriter(
            expecting: setting.expectation, base: setting.base, document: setting.document, token: setting.token)
        var output: [UInt8] = []
        var parts: [JSONMetadataRewriter.Part] = []
        for start in stride(from: 0, to: bytes.count, by: size) {
            output += try rewriter.feed(Array(bytes[start..<min(start + size, bytes.count)]))
            parts += rewriter.takeParts()
        }
        #expect(try rewriter.finish().dataSets == 3)
        #expect(parts.map { $0.facts.instance.string } == ["1.4", "1.5", "1.6"])
        #expect(parts.allSatisfy { $0.facts.numberOfFrames == 3 })
        for (part, document) in zip(parts, documents) {
            let own = Array(output[Int(part.range.lowerBound)..<Int(part.range.upperBound)])
            #expect(own.first == UInt8(ascii: "{") && own.last == UInt8(ascii: "}"))
            #expect(own.count { $0 == baseURLPlaceholder } == part.placeholders)
            // The same as when the data set stands alone.
            var alone = JSONMetadataRewriter(
                expecting: setting.expectation, base: setting.base, document: setting.document, token: setting.token)
            #expect(try alone.feed(Array(document.utf8)) == own)
        }
    }

    @Test func joinsDataSetsByCommas() {
        let second = Self.uids.replacing("1.4", with: "1.5")
        let document = Array("\u{FEFF}[ {\(Self.uids)} ,\n{\(second)}\n]\n".utf8)
        let whole = Rewriting.json(document, instance: nil)
        #expect(whole.text == "{\(Self.uids)},{\(second)}")
        #expect(whole.dataSets == 2)
        #expect(whole.facts?.instance.string == "1.5")
        #expect(Rewriting.json(document, pieces: Array(0..<document.count), instance: nil) == whole)
        #expect(Rewriting.json(document).error == .wrongInstance(detail: "The data set belongs to another instance."))
    }

    @Test(arguments: [
        (uids.replacing("\"1.2\"", with: "\"1.22\""), "another study"),
        (uids.replacing("\"1.3\"", with: "\"1.33\""), "another series"),
        (uids.replacing("\"1.4\"", with: "\"1.44\""), "another instance"),
        (uids.replacing("\"1.2\"", with: "\"1.2\",\"1.9\""), "StudyInstanceUID has more than one value"),
        (uids + "," + uids.replacing("1.2", with: "1.9"), "has more than one value"),
        (uids + #","\u00300080018":{"Value":["9"]}"#, "SOPInstanceUID has more than one value"),
        (uids + #","0020000d":{"Value":["9"]}"#, "StudyInstanceUID has more than one value"),
        (uids.replacing("\"1.2\"", with: "\"../x\""), "StudyInstanceUID is not a UID"),
        (uids.replacing("\"1.2\"", with: "12"), "another study"),
        (uids.replacing("0020000D", with: "0020000F"), "without StudyInstanceUID"),
        (uids.replacing("Value", with: "value"), "without StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID"),
        ("", "without StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID"),
        (#""00081115":{"vr":"SQ","Value":[{\#(uids)}]}"#, "without"),
    ])
    func refusesWhatWasNotAskedFor(members: String, detail: String) {
        let bytes = Array("[{\(members)}]".utf8)
        for pieces in [[], Array(0..<bytes.count)] {
            guard case .wrongInstance(let found) = Rewriting.json(bytes, pieces: pieces).error else {
                Issue.record("let through: \(members)")
                return
            }
            #expect(found.contains(detail), "\(found)")
        }
    }

    @Test func nothingOfAWrongDataSetComesOut() throws {
        // The UIDs come last: everything before them must have been held.
        let filler = (0..<200).map { "\"0009\(String(1000 + $0))\":{\"vr\":\"LO\",\"Value\":[\"x\"]}" }.joined(
            separator: ",")
        let setting = "[{\(Self.uids)},{\(filler),\(Self.uids.replacing("1.2", with: "1.9"))}]"
        let result = Rewriting.json(Array(setting.utf8))
        #expect(result.error == .wrongInstance(detail: "The data set belongs to another study."))
    }

    @Test(arguments: [
        "{", "[", "[{", "[{}", "\"", "[{\"0008", "[{\"a\":", "[{\"a\":1", "[{\"a\":tru", "[{\(uids)}", "{\(uids)",
        "\u{FEFF}[",
    ])
    func endsTooEarly(document: String) {
        let error = Rewriting.json(Array(document.utf8)).error
        let isExpected = error == .truncated || document.hasPrefix("\"") || document == "[{}"
        #expect(isExpected, "\(String(describing: error))")
        #expect(error != nil)
    }

    @Test(arguments: [
        "x ", "1 ", "\"a\"", "null ", "]", "}", ",", "[1]", "[\"a\"]", "[[]]", "[null]", "[{}{}]", "[,]",
        "[{\(uids)},]",
        "{,}",
        "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{\"a\" 1}", "{a:1}", "{'a':1}", "[{\"a\":1]", "{\"a\":[1}",
        "{\"a\":[1,]}",
        "{\"a\":01}", "{\"a\":1.}", "{\"a\":.5}", "{\"a\":+1}", "{\"a\":1e}", "{\"a\":-}", "{\"a\":nul}",
        "{\"a\":truex}",
        "{\"a\":\"\\x\"}", "{\"a\":\"\\u12g4\"}", "{\"a\":\"\u{1}\"}", "{\"a\n\":1}", "{\"a\":\"\u{1A}\"}", "{\u{1A}}",
        "{\"\u{0}\":1}", "{\(uids)}x", "[{\(uids)}]]", "[{\(uids)}],", "{\"a\":1 2}", "{\"a\":\"b\"\"c\":1}",
        "\u{FEFF}\u{FEFF}",
        "{\"a\"::1}", "{:1}", "{\"a\":1,,\"b\":2}", "{1:2}",
    ])
    func refusesWhatIsNotJSON(document: String) {
        let bytes = Array(document.utf8)
        let whole = Rewriting.json(bytes)
        switch whole.error {
        case .malformed,
            .wrongInstance(detail: "A data set without StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID."):
            break
        default: Issue.record("\(whole)")
        }
        #expect(Rewriting.json(bytes, pieces: Array(0..<bytes.count)).error == whole.error)
    }

    @Test func errorsTellWhere() {
        let document = "[{\(Self.uids),\"a\":\"b\u{7}\"}]"
        let place = Array(document.utf8).firstIndex(of: 7) ?? 0
        for pieces in [[], Array(0..<document.utf8.count)] {
            #expect(
                Rewriting.json(Array(document.utf8), pieces: pieces).error
                    == .malformed(offset: place, detail: "a control character in a string"))
        }
    }

    @Test func boundsNestingKeysAndURLs() {
        func nested(_ depth: Int) -> String {
            String(repeating: #"{"00091001":{"Value":["#, count: depth) + String(repeating: "]}}", count: depth)
        }
        #expect(Rewriting.json(Array("[{\(Self.uids),\"00091001\":{\"Value\":[\(nested(64))]}}]".utf8)).error == nil)
        guard
            case .tooLarge = Rewriting.json(Array("[{\(Self.uids),\"00091001\":{\"Value\":[\(nested(200))]}}]".utf8))
                .error
        else {
            Issue.record("nesting")
            return
        }
        for member in [
            "\"\(String(repeating: "k", count: 5000))\":1", "\"1\":\(String(repeating: "1", count: 600))",
            "\"00420011\":{\"BulkDataURI\":\"\(String(repeating: "/", count: 70_000))\"}",
            "\"00420011\":{\"BulkDataURI\"\(String(repeating: " ", count: 70_000)):\"\"}",
        ] {
            guard
                case .tooLarge = Rewriting.json(
                    Array("[{\(Self.uids),\(member)}]".utf8),
                    pieces: [30_000, 60_000, 69_000].filter { $0 < member.utf8.count }
                ).error
            else {
                Issue.record("\(member.prefix(40))")
                return
            }
        }
    }

    @Test func holdsABoundedAmountBeforeTheUIDs() {
        let binary = String(repeating: "A", count: 10 << 20)
        let pieces = Array(stride(from: 1 << 20, to: 10 << 20, by: 1 << 20))
        let late = Array("[{\"00020000\":{\"InlineBinary\":\"\(binary)\"},\(Self.uids)}]".utf8)
        let early = Array("[{\(Self.uids),\"00420011\":{\"InlineBinary\":\"\(binary)\"}}]".utf8)
        guard case .tooLarge = Rewriting.json(late, pieces: pieces).error else {
            Issue.record("10 MiB before the UIDs")
            return
        }
        let result = Rewriting.json(early, pieces: pieces)
        #expect(result.error == nil)
        #expect(result.text.utf8.count > 10 << 20)
    }

    @Test func mutatedDocumentsNeverTrap() {
        var generator = Seeded(state: 17)
        let pieces = Array("{}[],:\"\\/u0018BulkDataURI é".utf8)
        for round in 0..<700 {
            let attribute = Self.attributes.randomElement(using: &generator)?.0 ?? ""
            var document = Array("[{\(attribute),\(Self.uids),\(attribute)}]".utf8)
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let place = Int.random(in: 0..<document.count, using: &generator)
                switch Int.random(in: 0..<3, using: &generator) {
                case 0: document[place] = pieces.randomElement(using: &generator) ?? 0
                case 1: document.remove(at: place)
                default: document.insert(UInt8.random(in: 0...255, using: &generator), at: place)
                }
            }
            let whole = Rewriting.json(document)
            let dripped = Rewriting.json(document, pieces: Array(0..<document.count))
            #expect(dripped == whole, "round \(round)")
        }
    }

    @Test func throughputIsPrinted() {
        let element =
            #""00091001":{"vr":"OB","BulkDataURI":"\#(Self.own)/bulk/00091001"},"00081030":{"vr":"LO","Value":["A description of the study"]}"#
        let dataSet = "{\(Self.uids),\((0..<100).map { _ in element }.joined(separator: ","))}"
        let document = Array("[\(Array(repeating: dataSet, count: 20).joined(separator: ","))]".utf8)
        let pieces = Array(stride(from: 16_384, to: document.count, by: 16_384))
        let clock = ContinuousClock()
        let time = clock.measure { #expect(Rewriting.json(document, pieces: pieces).dataSets == 20) }
        print("JSON metadata: \(document.count >> 10) KiB in \(time)")
    }
}
