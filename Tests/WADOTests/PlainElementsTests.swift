import Testing

/// Whole pieces go the fast way and single octets the slow one: both must come to the same end.
@Suite struct PlainElementsTests {
    private static let own = "http://pacs:8042/dicom-web/studies/1.2/series/1.3/instances/1.4"

    /// As most archives write it: `vr` first, no white space.
    private static let compact = """
        [{"00080005":{"vr":"CS","Value":["ISO_IR 192"]},"00080016":{"vr":"UI","Value":["1.2.840.10008.5.1.4.1.1.2"]},\
        "00080018":{"vr":"UI","Value":["1.4"]},"00081140":{"vr":"SQ","Value":[{"00081155":{"vr":"UI","Value":["1.5"]}},\
        {},{"00081155":{"vr":"UI"}}]},"00081190":{"vr":"UR","Value":["\(own)"]},"00100010":{"vr":"PN","Value":\
        [{"Alphabetic":"Doe^Jane","Ideographic":"楽"},null]},"0020000D":{"vr":"UI","Value":["1.2"]},\
        "0020000e":{"vr":"UI","Value":["1.3"]},"00280010":{"vr":"US","Value":[512]},"00280011":{"vr":"US"},\
        "00291010":{"vr":"OB","InlineBinary":"AAECAwQFBgcICQ=="},"00281053":{"vr":"DS","Value":[-1.5e+10,0,null]},\
        "52009230":{"vr":"SQ","Value":[{"00209113":{"vr":"SQ","Value":[{"00200032":{"vr":"DS","Value":[1,2,3]},\
        "7FE00010":{"vr":"OW","BulkDataURI":"\(own)/bulk/1"}}]}}]}}]
        """
    /// As Orthanc does.
    private static let indented = """
        [{
        \t"00080018" : \n\t{
        \t\t"Value" : \n\t\t[
        \t\t\t"1.4"
        \t\t],
        \t\t"vr" : "UI"
        \t},
        \t"0020000D" : \n\t{\n\t\t"Value" : \n\t\t[\n\t\t\t"1.2"\n\t\t],\n\t\t"vr" : "UI"\n\t},
        \t"0020000E" : \n\t{\n\t\t"Value" : \n\t\t[\n\t\t\t"1.3"\n\t\t],\n\t\t"vr" : "UI"\n\t},
        \t"00400555" : \n\t{\n\t\t"Value" : \n\t\t[\n\t\t\t{\n\t\t\t\t"0040A30A" : \n\t\t\t\t{\n\t\t\t\t\t"Value" : [ 1 ],
        \t\t\t\t\t"vr" : "DS"\n\t\t\t\t},\n\t\t\t\t"00420011" : { "BulkDataURI" : "\(own)/bulk/2", "vr" : "OB" }
        \t\t\t}\n\t\t],\n\t\t"vr" : "SQ"\n\t},
        \t"00100020" : { "vr" : "LO" }
        }]
        """

    @Test(arguments: [(compact, 2), (indented, 1)])
    func piecesOfAnySizeComeToTheSame(document: String, placeholders: Int) {
        let bytes = Array(document.utf8)
        let whole = Rewriting.json(bytes)
        #expect(whole.error == nil)
        #expect(whole.placeholders == placeholders)
        #expect(
            whole.text
                == document.dropFirst().dropLast().replacing(Self.own, with: "@/studies/1.2/series/1.3/instances/1.4"))
        for size in [1, 7, 8, 9, 64] {
            #expect(Rewriting.json(bytes, pieces: Array(stride(from: 0, to: bytes.count, by: size))) == whole)
        }
        for cut in 0..<bytes.count { #expect(Rewriting.json(bytes, pieces: [cut]) == whole, "cut at \(cut)") }
    }

    @Test(arguments: [compact, indented], 0..<150)
    func damagedDocumentsComeToTheSame(document: String, round: Int) {
        var generator = Seeded(state: UInt64(round + 1))
        let octets = Array("{}[],:\"\\ /09AaFfGOo@-.e+nulvrVtBD\u{1}\u{1A}\u{7F}".utf8)
        var bytes = Array(document.utf8)
        for _ in 0..<Int.random(in: 1...3, using: &generator) {
            let place = Int.random(in: 0..<bytes.count, using: &generator)
            let octet = octets.randomElement(using: &generator) ?? 0
            switch Int.random(in: 0..<3, using: &generator) {
            case 0: bytes[place] = octet
            case 1: bytes.remove(at: place)
            default: bytes.insert(octet, at: place)
            }
        }
        #expect(Rewriting.json(bytes) == Rewriting.json(bytes, pieces: Array(0..<bytes.count)))
    }

    /// Only what has a tag for its name is an attribute, and only in one is an item an item.
    @Test(arguments: ["0008114G", "0008114O", "0008114@", "0008114:", "0008114 ", "0008114/", "0008114`", "0008114g"])
    func namesThatAreNoTags(name: String) {
        let member = #""\#(name)":{"vr":"SQ","Value":[{"00420011":{"vr":"OB","BulkDataURI":"\#(Self.own)/bulk/1"}}]}"#
        let result = Rewriting.json(Array(Self.compact.replacing(#""00280010""#, with: member + #","00280010""#).utf8))
        #expect(result.error == nil)
        #expect(result.text.contains(member))
    }

    /// The tokenizer's limit of nesting counts what is passed quickly too.
    @Test(arguments: [80, 84, 85, 86, 90])
    func nestingIsBounded(depth: Int) {
        let start = String(repeating: #""00091001":{"vr":"SQ","Value":[{"#, count: depth)
        let document = Self.compact.replacing(
            #""00280010""#, with: start + String(repeating: "}]}", count: depth) + #","00280010""#)
        let bytes = Array(document.utf8)
        let whole = Rewriting.json(bytes)
        #expect((whole.error == nil) == (2 + 3 * depth <= 256))
        #expect(Rewriting.json(bytes, pieces: Array(0..<bytes.count)) == whole)
    }
}
