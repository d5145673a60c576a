// Metadata as archives write it, made up: of a CT series, of enhanced multi-frame objects, of whatever is long.

/// A series' metadata, of which any amount can be had.
enum MetadataDocument: CaseIterable {
    /// Some seventy short attributes an instance: most of a hospital's metadata.
    case ct
    /// The same as Orthanc writes it: `Value` first, everything on lines of its own behind tabs.
    case orthanc
    /// Per-frame functional groups: sequences in sequences, few octets in each.
    case multiframe
    /// Values of some kilobytes inline.
    case binary

    static let study = "1.2.826.0.1.3680043.8.498.10412373155914253480001"
    static let series = "1.2.826.0.1.3680043.8.498.10412373155914253480002"
    static let root = "http://pacs.example:8042/dicom-web"

    /// One instance's data set.
    func dataSet(_ number: Int) -> String {
        let instance = "1.2.826.0.1.3680043.8.498.1041237315591425348\(1000 + number)"
        let url = "\(Self.root)/studies/\(Self.study)/series/\(Self.series)/instances/\(instance)"
        var elements = head(instance, url, number)
        switch self {
        case .ct, .orthanc: elements += image(number)
        case .multiframe: elements.append(frames(number))
        case .binary: elements += binaries(number)
        }
        elements.append(#""7FE00010":{"vr":"OW","BulkDataURI":"\#(url)/bulk/7fe00010"}"#)
        let text = "{" + elements.joined(separator: ",") + "}"
        return self == .orthanc ? Self.indented(text) : text
    }

    private func element(_ tag: String, _ vr: String, _ values: String...) -> String {
        let (vr, value) = (#""vr":"\#(vr)""#, #""Value":[\#(values.joined(separator: ","))]"#)
        return #""\#(tag)":{\#(self == .orthanc ? "\(value),\(vr)" : "\(vr),\(value)")}"#
    }

    private func text(_ tag: String, _ vr: String, _ values: String...) -> String {
        element(tag, vr, "\"\(values.joined(separator: "\",\""))\"")
    }

    private func head(_ instance: String, _ url: String, _ number: Int) -> [String] {
        [
            text("00080005", "CS", "ISO_IR 192"), text("00080008", "CS", "ORIGINAL", "PRIMARY", "AXIAL", "CT_SOM5 SPI"),
            text("00080012", "DA", "20260103"), text("00080013", "TM", "101112.345000"),
            text("00080016", "UI", "1.2.840.10008.5.1.4.1.1.2"), text("00080018", "UI", instance),
            text("00080020", "DA", "20260103"), text("00080021", "DA", "20260103"), text("00080022", "DA", "20260103"),
            text("00080030", "TM", "100955.123000"), text("00080031", "TM", "101001.250000"),
            text("00080050", "SH", "A2026010317"), text("00080060", "CS", "CT"),
            text("00080070", "LO", "Synthetic Works"),
            text("00080080", "LO", "Hospital of Nowhere"), text("00080081", "ST", "1 Example Street, Nowhere"),
            #""00080090":{"vr":"PN","Value":[{"Alphabetic":"Référent^Émile"}]}"#, text("00081010", "SH", "CT01"),
            text("00081030", "LO", "Thorax^Routine (Adult)"), text("0008103E", "LO", "Lung 1.0 I70f 3"),
            #""00081140":{"vr":"SQ","Value":[{"00081150":{"vr":"UI","Value":["1.2.840.10008.5.1.4.1.1.2"]},"#
                + #""00081155":{"vr":"UI","Value":["\#(instance).1"]}}]}"#,
            text("00081190", "UR", url), #""00100010":{"vr":"PN","Value":[{"Alphabetic":"Doe^Jane"}]}"#,
            text("00100020", "LO", "P-000123"), text("00100030", "DA", "19700101"), text("00100040", "CS", "O"),
            text("00101010", "AS", "056Y"), text("0020000D", "UI", Self.study), text("0020000E", "UI", Self.series),
            text("00200010", "SH", "2026-17"), element("00200011", "IS", "3"),
            element("00200013", "IS", "\(number + 1)"),
        ]
    }

    private func image(_ number: Int) -> [String] {
        [
            text("00180015", "CS", "CHEST"), element("00180050", "DS", "1"), element("00180060", "DS", "120"),
            element("00180090", "DS", "500"), text("00181020", "LO", "syngo CT 2012B"),
            text("00181030", "LO", "Thorax_routine"),
            element("00181100", "DS", "362"), element("00181110", "DS", "1040"), element("00181111", "DS", "570"),
            element("00181120", "DS", "0"), element("00181130", "DS", "151.5"), text("00181140", "CS", "CW"),
            element("00181150", "IS", "500"), element("00181151", "IS", "141"), element("00181152", "IS", "88"),
            element("00181160", "SH", "\"FLAT\""), element("00181170", "IS", "26"), element("00181190", "DS", "1.2"),
            text("00181210", "SH", "I70f", "3"), text("00185100", "CS", "HFS"),
            text("00200052", "UI", Self.study + ".1"),
            element("00200032", "DS", "-180.6464844", "-343.6464844", "\(-1200 + number).25"),
            element("00200037", "DS", "1", "0", "0", "0", "1", "0"), #""00201040":{"vr":"LO"}"#,
            element("00201041", "DS", "\(-1200 + number).25"), element("00280002", "US", "1"),
            text("00280004", "CS", "MONOCHROME2"), element("00280010", "US", "512"), element("00280011", "US", "512"),
            element("00280030", "DS", "0.70703125", "0.70703125"), element("00280100", "US", "16"),
            element("00280101", "US", "12"), element("00280102", "US", "11"), element("00280103", "US", "0"),
            element("00280106", "US", "0"), element("00280107", "US", "4095"), element("00281050", "DS", "-600", "40"),
            element("00281051", "DS", "1200", "400"), element("00281052", "DS", "-1024"),
            element("00281053", "DS", "1"),
            text("00281055", "LO", "WINDOW1", "WINDOW2"), text("00290010", "LO", "SYNTHETIC HEADER"),
            #""00291010":{"vr":"OB","InlineBinary":"\#(String(repeating: "U1YxMAQDAgFkAAAA", count: 8))"}"#,
            text("00400244", "DA", "20260103"), text("00400245", "TM", "100955.000000"),
        ]
    }

    private func frames(_ number: Int) -> String {
        func sequence(_ tag: String, _ elements: String...) -> String {
            #""\#(tag)":{"vr":"SQ","Value":[{\#(elements.joined(separator: ","))}]}"#
        }
        let frames = (1...200).map { frame in
            "{"
                + [
                    sequence("00180000", element("00181150", "FD", "0.5")),
                    sequence(
                        "00209111", element("00209056", "SH", "\"1\""), element("00209057", "UL", "\(frame)"),
                        element("00209157", "UL", "1", "\(frame)", "1")),
                    sequence("00209113", element("00200032", "DS", "-180.64", "-343.64", "\(number).\(frame)")),
                    sequence("00209116", element("00200037", "DS", "1", "0", "0", "0", "1", "0")),
                    sequence("00289110", element("00180050", "DS", "2.5"), element("00280030", "DS", "0.7", "0.7")),
                    sequence("00289145", element("00281052", "DS", "-1024"), element("00281053", "DS", "1")),
                ].joined(separator: ",") + "}"
        }
        return #""52009230":{"vr":"SQ","Value":[\#(frames.joined(separator: ","))]}"#
    }

    private func binaries(_ number: Int) -> [String] {
        (0..<4).map {
            #""00291\#($0)10":{"vr":"OB","InlineBinary":"\#(String(repeating: "U1YxMAQD/gFk+AAA", count: 512))"}"#
        }
    }

    /// With a line for each member, value and bracket.
    private static func indented(_ text: String) -> String {
        var result = ""
        var depth = 0
        var isInString = false
        var previous: Character = "["
        func line() -> String { "\n" + String(repeating: "\t", count: depth) }
        for character in text {
            if character == "\"" { isInString.toggle() }
            if !isInString, "}]".contains(character) {
                depth -= 1
                result += line()
            } else if !isInString || character == "\"", "{[,".contains(previous) || "{[".contains(character) {
                result += line()
            }
            let isColon = character == ":" && !isInString
            result += isColon ? " : " : String(character)
            if !isInString, "{[".contains(character) { depth += 1 }
            previous = isInString ? "." : character
        }
        return result
    }
}
