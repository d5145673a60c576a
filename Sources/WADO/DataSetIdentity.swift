// Which instance a data set says it is, and the few numbers of it that are needed elsewhere. Must not know JSON or XML.
internal import DICOM

/// Collects the top-level attributes of one data set as a reader meets them.
struct DataSetIdentity {
    /// Attributes of which the values are wanted.
    enum Attribute: UInt32 {
        case sopClass = 0x0008_0016
        case instance = 0x0008_0018
        case modality = 0x0008_0060
        case study = 0x0020_000D
        case series = 0x0020_000E
        case instanceNumber = 0x0020_0013
        case seriesInstances = 0x0020_1209
        case numberOfFrames = 0x0028_0008
        case rows = 0x0028_0010
        case columns = 0x0028_0011

        var keyword: String {
            switch self {
            case .sopClass: "SOPClassUID"
            case .instance: "SOPInstanceUID"
            case .modality: "Modality"
            case .study: "StudyInstanceUID"
            case .series: "SeriesInstanceUID"
            case .instanceNumber: "InstanceNumber"
            case .seriesInstances: "NumberOfSeriesRelatedInstances"
            case .numberOfFrames: "NumberOfFrames"
            case .rows: "Rows"
            case .columns: "Columns"
            }
        }
    }

    private(set) var study: UID?
    private(set) var series: UID?
    private(set) var instance: UID?
    private(set) var sopClass: UID?
    private(set) var modality: String?
    private(set) var instanceNumber: Int?
    /// What a search result says of its series.
    private(set) var seriesInstances: Int?
    private var rows: Int?
    private var columns: Int?
    private var numberOfFrames: Int?

    var isKnown: Bool { study != nil && series != nil && instance != nil }

    /// Known once the three UIDs are.
    var facts: InstanceFacts? {
        guard let study, let series, let instance else { return nil }
        return InstanceFacts(
            study: study, series: series, instance: instance, sopClass: sopClass, rows: rows, columns: columns,
            numberOfFrames: numberOfFrames ?? 1)
    }

    /// What is missing, for the error of a data set that ended without.
    var missing: String {
        let names = [(Attribute.study, study), (.series, series), (.instance, instance)]
        return names.filter { $0.1 == nil }.map { $0.0.keyword }.joined(separator: ", ")
    }

    /// Takes one value. A UID may stand only once: of two readers, one would take the first and one the last.
    ///
    /// - Parameter text: what the document says, without its escapes.
    /// - Throws: `.wrongInstance` for a UID that is none, or that stands twice.
    mutating func note(_ attribute: Attribute, _ text: ArraySlice<UInt8>) throws(RewriteError) {
        switch attribute {
        case .study: study = try uid(attribute, text, known: study)
        case .series: series = try uid(attribute, text, known: series)
        case .instance: instance = try uid(attribute, text, known: instance)
        case .sopClass: sopClass = Self.uid(text)
        case .modality:
            modality =
                text.count <= 16 ? String(validating: text.filter { $0 != UInt8(ascii: " ") }, as: UTF8.self) : nil
        case .instanceNumber: instanceNumber = Self.number(text)
        case .seriesInstances: seriesInstances = Self.number(text)
        case .rows: rows = Self.number(text)
        case .columns: columns = Self.number(text)
        case .numberOfFrames: numberOfFrames = Self.number(text)
        }
    }

    private func uid(
        _ attribute: Attribute, _ text: ArraySlice<UInt8>, known: UID?
    ) throws(RewriteError) -> UID {
        guard known == nil else { throw .wrongInstance(detail: "\(attribute.keyword) has more than one value.") }
        guard let uid = Self.uid(text) else { throw .wrongInstance(detail: "\(attribute.keyword) is not a UID.") }
        return uid
    }

    private static func uid(_ text: ArraySlice<UInt8>) -> UID? {
        let text = String(decoding: text, as: UTF8.self)
        return UID(text) ?? UID(lenient: text)
    }

    /// Rows and Columns are 16 bits wide; frames are counted with 31.
    private static func number(_ text: ArraySlice<UInt8>) -> Int? {
        let digits = text.filter { $0 != UInt8(ascii: " ") && $0 != 0 }
        guard (1...10).contains(digits.count) else { return nil }
        var number = 0
        for digit in digits {
            guard (0x30...0x39).contains(digit) else { return nil }
            number = 10 * number + Int(digit - 0x30)
        }
        return (1...Int(Int32.max)).contains(number) ? number : nil
    }
}

extension JSONMetadataRewriter.Expectation {
    /// - Throws: `.wrongInstance` unless the data set belongs to what was asked for.
    func check(_ facts: InstanceFacts) throws(RewriteError) {
        guard facts.study == study else { throw .wrongInstance(detail: "The data set belongs to another study.") }
        guard series == nil || facts.series == series else {
            throw .wrongInstance(detail: "The data set belongs to another series.")
        }
        guard instance == nil || facts.instance == instance else {
            throw .wrongInstance(detail: "The data set belongs to another instance.")
        }
    }
}
