import DICOM
import Testing
import WADO

@Suite struct XMLMetadataRewriterTests {
    private static let own = "http://pacs:8042/dicom-web/studies/1.2/series/1.3/instances/1.4"
    private static let namespace = " xmlns=\"http://dicom.nema.org/PS3.19/models/NativeDICOM\""
    private static let uids = """
        <DicomAttribute tag="00080018" vr="UI"><Value number="1">1.4</Value></DicomAttribute>
        <DicomAttribute tag="0020000D" vr="UI"><Value number="1"> 1.2
        </Value></DicomAttribute><DicomAttribute vr='UI' tag = '0020000e' ><Value number="1">1&#x2E;3</Value></DicomAttribute>
        """

    /// An attribute before the UIDs or behind them, as it comes and as it goes; nil: unchanged.
    static let attributes: [(String, String?)] = [
        (
            #"<DicomAttribute tag="00420011" vr="OB"><BulkData uri="\#(own)/bulk/1"/></DicomAttribute>"#,
            #"<DicomAttribute tag="00420011" vr="OB"><BulkData uri="@/studies/1.2/series/1.3/instances/1.4/bulk/1"/></DicomAttribute>"#
        ),
        (
            #"<DicomAttribute tag="00420011" vr="OB"><BulkData a=">" uri = '\#(own)' ></BulkData></DicomAttribute>"#,
            #"<DicomAttribute tag="00420011" vr="OB"><BulkData a=">" uri = '@/studies/1.2/series/1.3/instances/1.4' ></BulkData></DicomAttribute>"#
        ),
        (
            #"<DicomAttribute tag="00420011" vr="OB"><BulkData uri="http&#58;//pacs:8042/dicom-web/studies/1.2/series/1.3/instances/1.4/bulk/1"/></DicomAttribute>"#,
            #"<DicomAttribute tag="00420011" vr="OB"><BulkData uri="@/studies/1.2/series/1.3/instances/1.4/bulk/1"/></DicomAttribute>"#
        ),
        (
            // Orthanc's spelling.
            #"<DicomAttribute tag="00420011" vr="OB"><BulkData URI="\#(own)/bulk/1"/></DicomAttribute>"#,
            #"<DicomAttribute tag="00420011" vr="OB"><BulkData URI="@/studies/1.2/series/1.3/instances/1.4/bulk/1"/></DicomAttribute>"#
        ),
        (
            #"<DicomAttribute tag="00420011" vr="OB"><BulkData uri="bulk/1"/></DicomAttribute>"#,
            #"<DicomAttribute tag="00420011" vr="OB"><BulkData uri="@/studies/1.2/series/1.3/instances/1.4/bulk/1"/></DicomAttribute>"#
        ),
        (
            #"<DicomAttribute tag="00420011" vr="OB"><BulkData uri="https://cdn/x?a=1&amp;b=2"/></DicomAttribute>"#,
            #"<DicomAttribute tag="00420011" vr="OB"><BulkData uri="@/studies/1.2/series/1.3/instances/1.4/bulkdata/~cdn%2Fx%3Fa%3D1%26b%3D2"/></DicomAttribute>"#
        ),
        (
            #"<DicomAttribute tag="00420011" vr="OB"><BulkData uri="http://evil/x"/></DicomAttribute>"#,
            #"<DicomAttribute tag="00420011" vr="OB"></DicomAttribute>"#
        ),
        (
            #"<DicomAttribute tag="00420011" vr="OB"> <BulkData uri="http://evil/x"> <a>b</a> </BulkData> </DicomAttribute>"#,
            #"<DicomAttribute tag="00420011" vr="OB">  </DicomAttribute>"#
        ),
        (#"<DicomAttribute tag="00420011" vr="OB"><BulkData uuid="x"/></DicomAttribute>"#, nil),
        (
            #"<DicomAttribute tag="00081190" vr="UR"><Value number="1">\#(own)</Value><Value number="2">http://evil/</Value></DicomAttribute>"#,
            #"<DicomAttribute tag="00081190" vr="UR"><Value number="1">@/studies/1.2/series/1.3/instances/1.4</Value><Value number="2"></Value></DicomAttribute>"#
        ),
        (#"<DicomAttribute tag="00081190" vr="UR"><Value/></DicomAttribute>"#, nil),
        // Nested, where UIDs are somebody else's.
        (
            #"<DicomAttribute tag="00081115" vr="SQ"><Item number="1"><DicomAttribute tag="0020000D" vr="UI"><Value number="1">9.9</Value></DicomAttribute><DicomAttribute tag="00081190" vr="UR"><Value number="1">\#(own)</Value></DicomAttribute></Item></DicomAttribute>"#,
            #"<DicomAttribute tag="00081115" vr="SQ"><Item number="1"><DicomAttribute tag="0020000D" vr="UI"><Value number="1">9.9</Value></DicomAttribute><DicomAttribute tag="00081190" vr="UR"><Value number="1">@/studies/1.2/series/1.3/instances/1.4</Value></DicomAttribute></Item></DicomAttribute>"#
        ),
        // Look-alikes.
        (
            #"<DicomAttribute tag="00104000" vr="LT"><Value number="1">&lt;BulkData uri="\#(own)"/&gt; 'x' é😀</Value></DicomAttribute>"#,
            nil
        ),
        (#"<BulkData uri="\#(own)"/><Value>\#(own)</Value>"#, nil),
        (
            #"<DicomAttribute tag="00100010" vr="PN"><PersonName number="1"><Alphabetic><FamilyName>\#(own)</FamilyName></Alphabetic><BulkData uri="\#(own)"/></PersonName></DicomAttribute>"#,
            nil
        ),
        (
            #"<!-- <BulkData uri="\#(own)"/> -- > --><DicomAttribute tag="x"><BulkData uri="\#(own)"/></DicomAttribute>"#,
            nil
        ),
        (#"<DicomAttribute tag="00420011" vr="OB"><InlineBinary>AAAA/+==</InlineBinary><!----></DicomAttribute>"#, nil),
    ]

    @Test(arguments: attributes)
    func rewrites(attribute: String, expected: String?) {
        let forms = [
            ("<NativeDicomModel>\(attribute)\n\(Self.uids)</NativeDicomModel>", true),
            (
                "\u{FEFF}<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!--x--><NativeDicomModel\(Self.namespace)>\(Self.uids)\(attribute) </NativeDicomModel > \n",
                false
            ),
        ]
        for (document, isCutEverywhere) in forms {
            let bytes = Array(document.utf8)
            let whole = Rewriting.xml(bytes)
            #expect(whole.error == nil)
            #expect(whole.text == document.replacing(attribute, with: expected ?? attribute))
            #expect(whole.dataSets == 1)
            #expect(whole.facts?.series.string == "1.3")
            for cut in isCutEverywhere ? Array(0...attribute.utf8.count + 19) : [] {
                #expect(Rewriting.xml(bytes, pieces: [cut]) == whole, "cut at \(cut)")
            }
            #expect(Rewriting.xml(bytes, pieces: Array(0..<bytes.count)) == whole)
        }
    }

    @Test func anyPrefixIsFine() {
        let document = "<d:NativeDicomModel xmlns:d=\"x\">\(Self.uids)</d:NativeDicomModel>"
            .replacing("<Dicom", with: "<d:Dicom").replacing("</Dicom", with: "</d:Dicom")
        #expect(Rewriting.xml(Array(document.utf8)).text == document)
    }

    @Test func readsTheFactsThatOthersNeed() {
        func attribute(_ tag: String, _ value: String) -> String {
            "<DicomAttribute tag=\"\(tag)\" vr=\"XX\"><Value number=\"1\">\(value)</Value></DicomAttribute>"
        }
        let document =
            "<NativeDicomModel>\(Self.uids)\(attribute("00280008", "12"))\(attribute("00280010", "512"))"
            + "\(attribute("00280011", "256"))</NativeDicomModel>"
        let facts = Rewriting.xml(Array(document.utf8)).facts
        #expect(facts?.rows == 512)
        #expect(facts?.columns == 256)
        #expect(facts?.numberOfFrames == 12)
    }

    @Test(arguments: [
        (uids.replacing(" 1.2\n", with: "1.22"), "another study"),
        (uids.replacing("1&#x2E;3", with: "1.33"), "another series"),
        (uids.replacing(">1.4<", with: ">1.44<"), "another instance"),
        (
            uids.replacing(
                "</Value></DicomAttribute>\n", with: "</Value><Value number=\"2\">9</Value></DicomAttribute>\n"),
            "more than one value"
        ),
        (uids + uids, "more than one value"),
        (uids.replacing("0020000D", with: "0020000F"), "without StudyInstanceUID"),
        ("<DicomAttribute tag=\"0020000D\"><Value>../1</Value></DicomAttribute>", "StudyInstanceUID is not a UID"),
        ("<DicomAttribute tag=\"0020000D\"><Value/></DicomAttribute>", "StudyInstanceUID is not a UID"),
        ("<DicomAttribute tag=\"00081115\"><Item>\(uids)</Item></DicomAttribute>", "without"),
        ("", "without StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID"),
    ])
    func refusesWhatWasNotAskedFor(content: String, detail: String) {
        let bytes = Array("<NativeDicomModel>\(content)</NativeDicomModel>".utf8)
        for pieces in [[], Array(0..<bytes.count)] {
            guard case .wrongInstance(let found) = Rewriting.xml(bytes, pieces: pieces).error else {
                Issue.record("let through: \(content)")
                return
            }
            #expect(found.contains(detail), "\(found)")
        }
    }

    @Test(arguments: [
        "<!DOCTYPE x [<!ENTITY a \"b\">]><NativeDicomModel/>", "<NativeDicomModel><![CDATA[x]]></NativeDicomModel>",
        "<NativeDicomModel>&a;</NativeDicomModel>", "<NativeDicomModel>&amp</NativeDicomModel>",
        "<NativeDicomModel>& </NativeDicomModel>",
        "<NativeDicomModel>&#0;</NativeDicomModel>", "<NativeDicomModel>&#x1A;</NativeDicomModel>",
        "<NativeDicomModel>&#xD800;</NativeDicomModel>",
        "<NativeDicomModel>\u{1A}</NativeDicomModel>", "<NativeDicomModel a=\"\u{1A}\"/>", "<NativeDicomModel>\u{0}",
        "x<NativeDicomModel/>",
        "<html/>", "<NativeDicomModel></NativeDicom>", "<NativeDicomModel></d:NativeDicomModel>", "</NativeDicomModel>",
        "<NativeDicomModel a></NativeDicomModel>", "<NativeDicomModel a=b/>", "<NativeDicomModel a=\"1\" a=\"2\"/>",
        "<NativeDicomModel a=\"1\"b=\"2\"/>", "<NativeDicomModel a=\"&b;\"/>", "<NativeDicomModel <a/>",
        "< NativeDicomModel/>", "<>", "</>",
        "<?php x?><NativeDicomModel/>", "<?xml version=\"1.0\" encoding=\"UTF-7\"?><NativeDicomModel/>",
        "<NativeDicomModel><?xml version=\"1.0\"?></NativeDicomModel>",
        "<NativeDicomModel>\(uids)</NativeDicomModel><NativeDicomModel/>",
        "<NativeDicomModel>\(uids)</NativeDicomModel>x",
        "<NativeDicomModel><DicomAttribute tag=\"0020000D\"><Value>1<!-- -->.2</Value></DicomAttribute>",
        "<NativeDicomModel><DicomAttribute tag=\"0020000D\"><Value>1<b/>.2</Value></DicomAttribute>",
    ])
    func refusesWhatIsNotThisKindOfXML(document: String) {
        let bytes = Array(document.utf8)
        let whole = Rewriting.xml(bytes)
        guard case .malformed = whole.error else {
            Issue.record("\(document): \(whole)")
            return
        }
        if case .malformed(_, let detail) = Rewriting.xml(bytes, pieces: Array(0..<bytes.count)).error,
            case .malformed(_, let expected) = whole.error
        {
            #expect(detail == expected)
        } else {
            Issue.record("byte by byte: \(document)")
        }
    }

    @Test(arguments: [
        "", " ", "<", "<NativeDicomModel", "<NativeDicomModel>", "<NativeDicomModel>\(uids)",
        "<NativeDicomModel>\(uids)</NativeDicomModel", "<!-- ",
    ])
    func endsTooEarly(document: String) {
        #expect(Rewriting.xml(Array(document.utf8)).error == .truncated)
    }

    @Test func boundsNestingAndTags() {
        let deep =
            String(repeating: "<DicomAttribute tag=\"00091001\"><Item>", count: 64)
            + String(repeating: "</Item></DicomAttribute>", count: 64)
        #expect(Rewriting.xml(Array("<NativeDicomModel>\(Self.uids)\(deep)</NativeDicomModel>".utf8)).error == nil)
        for content in [
            String(repeating: "<a>", count: 300), "<a b=\"\(String(repeating: "x", count: 80_000))\"/>",
            "<DicomAttribute tag=\"00081190\"><Value>\(String(repeating: "x", count: 80_000))</Value></DicomAttribute>",
        ] {
            guard case .tooLarge = Rewriting.xml(Array("<NativeDicomModel>\(Self.uids)\(content)".utf8)).error else {
                Issue.record("\(content.prefix(30))")
                return
            }
        }
    }

    @Test func mutatedDocumentsNeverTrap() {
        var generator = Seeded(state: 23)
        let pieces = Array("<>/&;=\"'!-? \nBulkDataurié".utf8)
        for round in 0..<600 {
            let attribute = Self.attributes.randomElement(using: &generator)?.0 ?? ""
            var document = Array("<NativeDicomModel>\(attribute)\(Self.uids)\(attribute)</NativeDicomModel>".utf8)
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let place = Int.random(in: 0..<document.count, using: &generator)
                switch Int.random(in: 0..<3, using: &generator) {
                case 0: document[place] = pieces.randomElement(using: &generator) ?? 0
                case 1: document.remove(at: place)
                default: document.insert(UInt8.random(in: 0...255, using: &generator), at: place)
                }
            }
            let whole = Rewriting.xml(document)
            let dripped = Rewriting.xml(document, pieces: Array(0..<document.count))
            #expect(dripped.text == whole.text, "round \(round)")
            #expect((dripped.error == nil) == (whole.error == nil), "round \(round)")
        }
    }

    @Test(arguments: ["\u{FEFF}x<NativeDicomModel/>", "\u{FEFF}\u{FEFF}<NativeDicomModel/>", " \n x"])
    func saysWhereTextStandsOutside(document: String) {
        let bytes = Array(document.utf8)
        let error = Rewriting.xml(bytes).error
        #expect(error == .malformed(offset: 3, detail: "text outside the document's element"))
        #expect(Rewriting.xml(bytes, pieces: Array(0..<bytes.count)).error == error)
    }
}
