// Studies of a patient that never was: what the demo serves and the tests read. Deterministic; knows no files.

/// One synthetic instance, made when its bytes are asked for, so that many need not be held at once.
package struct SyntheticObject: Sendable {
    /// Where it would lie in a folder, relative: study, series, and file.
    package let path: String
    package let study: UID
    package let series: UID
    package let instance: UID
    package let modality: String
    package let syntax: TransferSyntax
    /// 0 for objects without pixels.
    package let numberOfFrames: Int
    private let dataSet: @Sendable () -> DataSet

    init(
        _ place: SyntheticPlace, modality: String, syntax: TransferSyntax, numberOfFrames: Int,
        dataSet: @escaping @Sendable () -> DataSet
    ) {
        path = "\(modality.lowercased())-\(place.studyNumber)/\(place.seriesNumber)/\(place.instanceNumber).dcm"
        study = place.study
        series = place.series
        instance = place.instance
        self.modality = modality
        self.syntax = syntax
        self.numberOfFrames = numberOfFrames
        self.dataSet = dataSet
    }

    /// The Part 10 file; the same bytes each time.
    ///
    /// - Throws: `tooLarge` when a deflated one finds no memory.
    package func bytes() throws(DICOMError) -> [UInt8] {
        try Part10Writer(syntax, usesUndefinedLengths: true).file(dataSet())
    }
}

/// Where an instance belongs, and the UIDs that follow.
struct SyntheticPlace: Sendable {
    let studyNumber: Int
    let seriesNumber: Int
    let instanceNumber: Int

    var study: UID { uid(0, 0) }
    var series: UID { uid(seriesNumber, 0) }
    var instance: UID { uid(seriesNumber, instanceNumber) }
    var frameOfReference: UID { uid(99, 0) }

    /// Under 2.25, where any number below 2¹²⁸ is a UID that nobody else has given to a real object (PS3.5 §B.2).
    private func uid(_ series: Int, _ instance: Int) -> UID {
        let number = (studyNumber * 100 + series) * 1_000_000 + instance
        return UID("2.25.145307269387302712871\(10_000_000_000_000 + number)") ?? Part10Writer.implementationClassUID
    }
}

package enum SyntheticStudies {
    /// Every object: a CT study with a structured report, an enhanced multi-frame CT, and an ultrasound with a colour
    /// secondary capture and a compressed loop.
    ///
    /// - Parameters:
    ///   - slices: images of the CT series, 256² of 16 bits each.
    ///   - frames: frames of the multi-frame objects.
    package static func all(slices: Int = 24, frames: Int = 16) -> [SyntheticObject] {
        let slicesAndReport = (1...max(slices, 1)).map(slice) + [report()]
        return slicesAndReport + [enhanced(frames: max(frames, 1)), capture(), loop(frames: max(frames, 1))]
    }

    private static func slice(_ number: Int) -> SyntheticObject {
        let place = SyntheticPlace(studyNumber: 1, seriesNumber: 1, instanceNumber: number)
        return SyntheticObject(place, modality: "CT", syntax: .explicitLittle, numberOfFrames: 1) {
            SyntheticImages.slice(place)
        }
    }

    private static func report() -> SyntheticObject {
        let place = SyntheticPlace(studyNumber: 1, seriesNumber: 2, instanceNumber: 1)
        return SyntheticObject(place, modality: "SR", syntax: .explicitLittle, numberOfFrames: 0) {
            SyntheticReport.dataSet(place)
        }
    }

    private static func enhanced(frames: Int) -> SyntheticObject {
        let place = SyntheticPlace(studyNumber: 2, seriesNumber: 1, instanceNumber: 1)
        return SyntheticObject(place, modality: "CT", syntax: .explicitLittle, numberOfFrames: frames) {
            SyntheticImages.enhanced(place, frames: frames)
        }
    }

    private static func capture() -> SyntheticObject {
        let place = SyntheticPlace(studyNumber: 3, seriesNumber: 1, instanceNumber: 1)
        return SyntheticObject(place, modality: "OT", syntax: .implicitLittle, numberOfFrames: 1) {
            SyntheticImages.capture(place)
        }
    }

    private static func loop(frames: Int) -> SyntheticObject {
        let place = SyntheticPlace(studyNumber: 3, seriesNumber: 2, instanceNumber: 1)
        return SyntheticObject(place, modality: "US", syntax: .rle, numberOfFrames: frames) {
            SyntheticImages.loop(place, frames: frames)
        }
    }
}
