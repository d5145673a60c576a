// The file of pins: one a line, for eyes and editors. Pure: text in, pins out.
import DICOM

extension Set<Pin> {
    /// Whether one of them holds this series.
    package func holds(_ key: SeriesKey, subject: String?) -> Bool {
        if isEmpty { return false }
        if contains(.study(key.study)) || contains(.series(study: key.study, series: key.series)) { return true }
        return subject.map { contains(.patient($0)) } ?? false
    }
}

/// The text of the file `pins`.
///
///     study 1.2.840.1
///     series 1.2.840.1 1.2.840.2
///     patient Patient/7
///
/// Lines that begin with `#` and empty ones are skipped.
package enum PinFile {
    /// The longest file in bytes that is read.
    package static let sizeLimit = 4 << 20
    /// The most pins that there may be.
    package static let pinLimit = 10_000
    /// The longest subject in bytes.
    static let subjectLimit = 256

    /// The pins of a text, at most ``pinLimit``, and how many lines said nothing that is understood.
    package static func pins(in text: String) -> (pins: Set<Pin>, skipped: Int) {
        var pins: Set<Pin> = []
        var skipped = 0
        for line in text.split(whereSeparator: \.isNewline) {
            if line.first == "#" || line.allSatisfy(\.isWhitespace) { continue }
            if let pin = pin(String(line)), pins.count < pinLimit { pins.insert(pin) } else { skipped += 1 }
        }
        return (pins, skipped)
    }

    /// The file's text. The same pins give the same text.
    package static func text(of pins: Set<Pin>) -> String {
        "# What eviction leaves alone, one a line: study UID, series STUDY-UID SERIES-UID, patient SUBJECT.\n"
            + pins.map(line).sorted().map { $0 + "\n" }.joined()
    }

    /// Whether it can stand in the file.
    package static func canHold(_ pin: Pin) -> Bool { self.pin(line(pin)) == pin }

    private static func line(_ pin: Pin) -> String {
        switch pin {
        case .study(let study): "study \(study.string)"
        case .series(let study, let series): "series \(study.string) \(series.string)"
        case .patient(let subject): "patient \(subject)"
        }
    }

    private static func pin(_ line: String) -> Pin? {
        let words = line.split(whereSeparator: \.isWhitespace).map(String.init)
        switch (words.first, words.count) {
        case ("study", 2): return UID(words[1]).map { .study($0) }
        case ("series", 3):
            guard let study = UID(words[1]), let series = UID(words[2]) else { return nil }
            return .series(study: study, series: series)
        case ("patient", 2) where words[1].utf8.count <= subjectLimit: return .patient(words[1])
        default: return nil
        }
    }
}
