// What is kept of a study beside its series, as text that people can read. Pure: DiskCache writes it, Gateway decides.
package import DICOM
package import FHIR

/// A study's epoch, the record for which it holds, and when both were looked at last.
///
/// The file ends with a line that holds the checksum of all before it. Damage and absence mean the same: nothing is known, and
/// what is stored of the study is fetched anew when it is asked for.
package struct StudyDocument: Hashable, Sendable {
    package var study: UID
    package var epoch: StudyEpoch
    /// The record's source, as the directory names it.
    package var source: String
    package var mark: RecordMark
    /// Seconds since 1970 at which the source last said so.
    package var confirmedAt: Int64
    /// Seconds since 1970 at which what is stored was last known to agree with the archive.
    package var recheckedAt: Int64
    /// The whole record; nil where it is too large to be kept.
    package var record: StudyRecord?

    package init(
        study: UID, epoch: StudyEpoch, source: String, mark: RecordMark, confirmedAt: Int64, recheckedAt: Int64,
        record: StudyRecord?
    ) {
        (self.study, self.epoch, self.source, self.mark) = (study, epoch, source, mark)
        (self.confirmedAt, self.recheckedAt, self.record) = (confirmedAt, recheckedAt, record)
    }

    /// What is known of a study that nothing was known of.
    ///
    /// - Parameter now: milliseconds since 1970.
    package init(first record: StudyRecord, from source: String, confirmedAt: Int64, at now: Int64) {
        study = record.study
        epoch = .first(at: now)
        self.source = source
        mark = RecordMark(record)
        self.confirmedAt = confirmedAt
        recheckedAt = now / 1000
        self.record = record
    }

    /// The document after its source has said this: the epoch stays, or another begins.
    ///
    /// - Parameter now: milliseconds since 1970.
    package func following(
        _ record: StudyRecord, from source: String, confirmedAt: Int64, at now: Int64
    ) -> StudyDocument {
        var next = self
        if let reason = mark.reason(toRaiseFor: record, after: self.record) {
            next = next.raised(for: reason, at: now)
        }
        next.source = source
        next.mark = RecordMark(record)
        next.record = record
        next.confirmedAt = confirmedAt
        return next
    }

    /// The document with another epoch; what is fetched from now on agrees with the archive.
    package func raised(for reason: StudyEpoch.Reason, at now: Int64) -> StudyDocument {
        var next = self
        next.epoch = epoch.raised(for: reason, at: now)
        next.recheckedAt = now / 1000
        return next
    }

    // MARK: Text

    /// The largest document in bytes.
    package static let sizeLimit = 4 << 20
    private static let title = "wadogate-study 1"

    /// The document's bytes; without the record where they would be more than ``sizeLimit``.
    package func encoded() -> [UInt8] {
        let whole = text(with: record)
        return Array((whole.utf8.count <= Self.sizeLimit ? whole : text(with: nil)).utf8)
    }

    private func text(with record: StudyRecord?) -> String {
        var lines = TextLines()
        lines.add("of", study.string)
        lines.add("epoch", "\(epoch.number)")
        lines.add("raised-for", epoch.reason.rawValue)
        lines.add("source", source)
        lines.add("subject", mark.subject)
        lines.add("status", mark.status.rawValue)
        lines.add("version", mark.version)
        lines.add("confirmed", "\(confirmedAt)")
        lines.add("rechecked", "\(recheckedAt)")
        if let record {
            lines.add("record", "")
            record.write(to: &lines)
        }
        let text = Self.title + "\n" + lines.text
        return text + "checksum \(String(ContentHash.checksum(Array(text.utf8)), radix: 16))\n"
    }

    /// Reads the document of `study`; nil when the bytes are damaged, or another's.
    package init?(decoding bytes: [UInt8], of study: UID) {
        guard bytes.count <= Self.sizeLimit, let text = String(validating: bytes, as: UTF8.self),
            let (title, body) = Self.checked(text), title == Self.title
        else { return nil }
        let split = body.firstIndex { $0 == "record " } ?? body.endIndex
        var fields: [Substring: String] = [:]
        for line in body[..<split] {
            let (name, value) = TextLines.field(of: line)
            fields[name] = value
        }
        guard fields["of"] == study.string, let epoch = fields["epoch"].flatMap({ Int64($0) }),
            (1...253_402_300_799_999).contains(epoch),
            let reason = fields["raised-for"].flatMap(StudyEpoch.Reason.init(rawValue:)),
            let source = fields["source"], let version = fields["version"],
            let status = fields["status"].flatMap(StudyRecord.Status.init(rawValue:)),
            let confirmedAt = fields["confirmed"].flatMap({ Int64($0) }),
            let recheckedAt = fields["rechecked"].flatMap({ Int64($0) }),
            (0...253_402_300_799).contains(confirmedAt), (0...253_402_300_799).contains(recheckedAt)
        else { return nil }
        self.study = study
        self.epoch = StudyEpoch(number: epoch, reason: reason)
        self.source = source
        mark = RecordMark(subject: fields["subject"], status: status, version: version)
        self.confirmedAt = confirmedAt
        self.recheckedAt = recheckedAt
        if split < body.endIndex {
            guard let record = StudyRecord(lines: body[(split + 1)...]), record.study == study else { return nil }
            self.record = record
        }
    }

    /// The lines between the title and a checksum that is right.
    private static func checked(_ text: String) -> (title: Substring, body: ArraySlice<Substring>)? {
        let lines = TextLines.lines(of: text)
        guard lines.count > 2, let last = lines.last, last.hasPrefix("checksum "), text.utf8.last == 0x0a else {
            return nil
        }
        let checked = Array(text.utf8.dropLast(last.utf8.count + 1))
        guard last == "checksum \(String(ContentHash.checksum(checked), radix: 16))" else { return nil }
        return (lines[0], lines[1..<(lines.count - 1)])
    }
}
