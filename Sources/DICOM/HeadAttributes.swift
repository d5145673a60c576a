// The attributes by which an instance is known, as they are gathered from the head of its file.

/// What file meta and the first groups of a data set told so far.
struct HeadAttributes: Sendable {
    private(set) var transferSyntax: UID?
    private(set) var study: UID?
    private(set) var series: UID?
    private(set) var instance: UID?
    private var sopClass: UID?
    private var metaInstance: UID?
    private var rows: Int?
    private var columns: Int?
    private var numberOfFrames = 1
    private let toleratesOtherFileMeta: Bool

    init(toleratesOtherFileMeta: Bool) { self.toleratesOtherFileMeta = toleratesOtherFileMeta }

    /// Longest value that is looked at: a UID has 64 bytes, and some writers pad it.
    static let valueLimit = 256

    static func wants(_ tag: Tag) -> Bool {
        switch tag {
        case .transferSyntaxUID, .mediaStorageSOPInstanceUID, .mediaStorageSOPClassUID, .sopClassUID,
            .sopInstanceUID, .studyInstanceUID, .seriesInstanceUID, .numberOfFrames, .rows, .columns:
            true
        default: false
        }
    }

    /// Takes one element's value.
    ///
    /// - Throws: `malformed` for a UID that is none or stands twice with two values, or a SOP Instance UID other than the
    ///   file meta's.
    mutating func take(
        _ tag: Tag, _ value: [UInt8], isBigEndian: Bool, offset: Int
    ) throws(DICOMError) {
        switch tag {
        case .transferSyntaxUID: transferSyntax = try uid(tag, value, offset)
        case .mediaStorageSOPInstanceUID: metaInstance = UID(elementValue: value)
        case .mediaStorageSOPClassUID, .sopClassUID: sopClass = UID(elementValue: value) ?? sopClass
        case .sopInstanceUID:
            instance = try only(instance, uid(tag, value, offset), tag, offset)
            if !toleratesOtherFileMeta, let metaInstance, let instance, metaInstance != instance {
                throw DICOMError(
                    kind: .malformed, offset: offset,
                    detail: "SOP Instance UID \(instance) contradicts the file meta's \(metaInstance)")
            }
        case .studyInstanceUID: study = try only(study, uid(tag, value, offset), tag, offset)
        case .seriesInstanceUID: series = try only(series, uid(tag, value, offset), tag, offset)
        case .numberOfFrames: numberOfFrames = HeadAttributes.frameCount(value)
        case .rows: rows = HeadAttributes.number(value, isBigEndian)
        case .columns: columns = HeadAttributes.number(value, isBigEndian)
        default: break
        }
    }

    /// - Throws: `missingAttribute` that names the first of the three UIDs that is not there.
    func facts(at offset: Int) throws(DICOMError) -> InstanceFacts {
        guard let instance else { throw missing("SOP Instance UID \(Tag.sopInstanceUID)", offset) }
        guard let study else { throw missing("Study Instance UID \(Tag.studyInstanceUID)", offset) }
        guard let series else { throw missing("Series Instance UID \(Tag.seriesInstanceUID)", offset) }
        return InstanceFacts(
            study: study, series: series, instance: instance, sopClass: sopClass, transferSyntax: transferSyntax,
            rows: rows, columns: columns, numberOfFrames: numberOfFrames)
    }

    var hasUIDs: Bool { study != nil && series != nil && instance != nil }

    private func missing(_ name: String, _ offset: Int) -> DICOMError {
        DICOMError(kind: .missingAttribute, offset: offset, detail: "there is no \(name)")
    }

    /// Readers differ in which of two elements of one tag counts, so one instance would be another's to some of them.
    private func only(_ known: UID?, _ uid: UID?, _ tag: Tag, _ offset: Int) throws(DICOMError) -> UID? {
        guard let known, let uid, known != uid else { return uid ?? known }
        throw DICOMError(kind: .malformed, offset: offset, detail: "\(tag) stands twice, as \(known) and as \(uid)")
    }

    /// Nil for an empty value, which is as good as no element.
    private func uid(_ tag: Tag, _ value: [UInt8], _ offset: Int) throws(DICOMError) -> UID? {
        if let uid = UID(elementValue: value) { return uid }
        guard value.allSatisfy({ $0 == 0 || $0 == UInt8(ascii: " ") }) else {
            throw DICOMError(kind: .malformed, offset: offset, detail: "the value of \(tag) is no UID")
        }
        return nil
    }

    /// An unreadable count is no reason to keep an image from a reader: 1 is what no count means.
    private static func frameCount(_ value: [UInt8]) -> Int {
        let text = String(decoding: value.filter { $0 > UInt8(ascii: " ") }, as: UTF8.self)
        return max(Int(text) ?? 1, 1)
    }

    private static func number(_ value: [UInt8], _ isBigEndian: Bool) -> Int? {
        switch value.count {
        case 2: Int(value.uint16(at: 0, bigEndian: isBigEndian))
        case 4: Int(value.uint32(at: 0, bigEndian: isBigEndian))
        default: nil
        }
    }
}
