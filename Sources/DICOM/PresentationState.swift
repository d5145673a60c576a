// Which images a presentation state applies to. Reads no more of it than that, and nothing of how it shows them.

/// The images that a softcopy presentation state names (PS3.3 §C.11.11).
package struct PresentationState: Hashable, Sendable {
    package struct Reference: Hashable, Sendable {
        /// As much of a list of frame numbers as it takes to tell whether it stands for the whole image.
        package enum Frames: Hashable, Sendable { case all, one(Int), several }

        package var series: UID
        package var instance: UID
        package var frames: Frames

        package init(series: UID, instance: UID, frames: Frames = .all) {
            self.series = series
            self.instance = instance
            self.frames = frames
        }
    }

    /// In the order of the data set, each once.
    package let references: [Reference]

    /// The most images that a presentation state may name.
    package static let referenceLimit = 4096
    /// Bytes of a list of frame numbers.
    private static let frameListLimit = 64 << 10

    private static let referencedSeriesSequence = Tag(0x0008, 0x1115)
    private static let referencedImageSequence = Tag(0x0008, 0x1140)
    private static let referencedInstance = Tag(0x0008, 0x1155)
    private static let referencedFrames = Tag(0x0008, 0x1160)

    /// Whether objects of this class are presentation states of any kind.
    package static func isClass(_ sopClass: UID) -> Bool {
        sopClass.string.hasPrefix("1.2.840.10008.5.1.4.1.1.11.")
    }

    /// Reads the Referenced Series Sequence, and nothing behind it.
    ///
    /// Presentation states that blend images or show volumes name theirs elsewhere: of those there are no references.
    /// - Throws: ``DICOMError`` `malformed`, `truncated`, or `tooLarge` above ``referenceLimit``; what the source throws.
    package init(_ file: Part10File) throws {
        var reader = DataSetReader(file)
        var found: [Reference] = []
        var place = ElementPath()
        var item = SeriesItem()
        reading: while let event = try reader.next() {
            switch event {
            case .element(let element):
                if place.steps.isEmpty, element.tag > Self.referencedSeriesSequence { break reading }
                try item.take(element, at: place.steps.map(\.tag), &reader)
            case .beginSequence(let tag):
                if place.steps.isEmpty, tag > Self.referencedSeriesSequence { break reading }
                place.enter(tag)
            case .beginItem:
                if place.steps.map(\.tag) == [Self.referencedSeriesSequence] { item = SeriesItem() }
                if place.steps.map(\.tag) == Self.pathOfImages { item.images.append(SeriesItem.Image()) }
                guard found.count + item.images.count <= Self.referenceLimit else {
                    throw DICOMError(
                        kind: .tooLarge, offset: 0,
                        detail: "a presentation state of more than \(Self.referenceLimit) images")
                }
            case .endItem:
                if place.steps.map(\.tag) == [Self.referencedSeriesSequence] { found += item.references }
            case .endSequence: place.leave()
            }
        }
        var seen = Set<Reference>()
        references = found.filter { seen.insert($0).inserted }
    }

    private static let pathOfImages = [referencedSeriesSequence, referencedImageSequence]

    /// One item of the Referenced Series Sequence: its series is named behind its images.
    private struct SeriesItem {
        struct Image {
            var instance: UID?
            var frames = Reference.Frames.all
        }

        var series: UID?
        var images: [Image] = []

        var references: [Reference] {
            guard let series else { return [] }
            return images.compactMap { image in
                image.instance.map { Reference(series: series, instance: $0, frames: image.frames) }
            }
        }

        mutating func take(
            _ element: DataSetReader.Element, at place: [Tag], _ reader: inout DataSetReader
        ) throws {
            switch (place, element.tag) {
            case ([PresentationState.referencedSeriesSequence], .seriesInstanceUID):
                series = UID(elementValue: try reader.value(of: element, limit: 256))
            case (PresentationState.pathOfImages, PresentationState.referencedInstance) where !images.isEmpty:
                images[images.count - 1].instance = UID(elementValue: try reader.value(of: element, limit: 256))
            case (PresentationState.pathOfImages, PresentationState.referencedFrames) where !images.isEmpty:
                let text = try reader.value(of: element, limit: PresentationState.frameListLimit)
                images[images.count - 1].frames = try Self.frames(in: text, at: element)
            default: break
            }
        }

        /// An empty value names none, and so all.
        private static func frames(
            in text: [UInt8], at element: DataSetReader.Element
        ) throws(DICOMError) -> Reference.Frames {
            let padding: Set<UInt8> = [UInt8(ascii: " "), 0]
            if text.allSatisfy(padding.contains) { return .all }
            var frames = Reference.Frames.all
            for value in text.split(separator: UInt8(ascii: "\\"), omittingEmptySubsequences: false) {
                let digits = String(decoding: value.filter { !padding.contains($0) }, as: UTF8.self)
                guard let number = Int(digits), number > 0 else {
                    throw DICOMError(
                        kind: .malformed, offset: Int(clamping: element.valueOffset),
                        detail: "a Referenced Frame Number is no frame number")
                }
                frames = frames == .all ? .one(number) : .several
            }
            return frames
        }
    }
}
