// Pictures that are computed: a disc on a gradient, in the forms that archives store.

enum SyntheticImages {
    private static let ctSize = 256
    private static let enhancedSize = 128
    private static let colourSize = (rows: 120, columns: 160)

    /// One axial slice of a cylinder with a sphere in it.
    static func slice(_ place: SyntheticPlace) -> DataSet {
        var image = common(place, UID(literal: "1.2.840.10008.5.1.4.1.1.2"), modality: "CT", study: "Synthetic CT")
        image.set(Tag(0x0008, 0x0008), .cs, "ORIGINAL", "PRIMARY", "AXIAL")
        image.set(Tag(0x0008, 0x103E), .lo, "Disc on a gradient")
        image.set(Tag(0x0018, 0x0050), .ds, "2.5")
        image.set(Tag(0x0018, 0x0060), .ds, "120")
        image.set(Tag(0x0020, 0x0012), .is, "1")
        setGeometry(&image, place)
        image.set(Tag(0x0020, 0x0032), .ds, "-128", "-128", decimal(tenths: 25 * place.instanceNumber))
        image.set(Tag(0x0020, 0x0037), .ds, "1", "0", "0", "0", "1", "0")
        image.set(Tag(0x0028, 0x0030), .ds, "1", "1")
        image.set(Tag(0x0028, 0x1050), .ds, "40")
        image.set(Tag(0x0028, 0x1051), .ds, "400")
        image.set(Tag(0x0028, 0x1052), .ds, "-1024")
        image.set(Tag(0x0028, 0x1053), .ds, "1")
        image.set(Tag(0x0028, 0x1054), .lo, "HU")
        setGrey(&image, size: ctSize)
        image.set(.pixelData, .ow, numbers: disc(size: ctSize, number: place.instanceNumber))
        return image
    }

    /// One object of many frames, with shared and per-frame functional groups (PS3.3 C.7.6.16).
    static func enhanced(_ place: SyntheticPlace, frames: Int) -> DataSet {
        let sopClass = UID(literal: "1.2.840.10008.5.1.4.1.1.2.1")
        var image = common(place, sopClass, modality: "CT", study: "Synthetic enhanced CT")
        image.set(Tag(0x0008, 0x0008), .cs, "ORIGINAL", "PRIMARY", "VOLUME", "NONE")
        image.set(Tag(0x0008, 0x0023), .da, "20260101")
        image.set(Tag(0x0008, 0x0033), .tm, "120000")
        image.set(Tag(0x0008, 0x103E), .lo, "All slices in one object")
        image.set(Tag(0x0020, 0x0012), .is, "1")
        setGeometry(&image, place)
        image.set(.numberOfFrames, .is, "\(frames)")
        setGrey(&image, size: enhancedSize)
        image.set(Tag(0x5200, 0x9229), items: [sharedGroups()])
        image.set(Tag(0x5200, 0x9230), items: (1...frames).map(frameGroups))
        image.set(.pixelData, .ow, numbers: (1...frames).flatMap { disc(size: enhancedSize, number: $0) })
        return image
    }

    /// A colour picture as a screen capture stores it.
    static func capture(_ place: SyntheticPlace) -> DataSet {
        let sopClass = UID(literal: "1.2.840.10008.5.1.4.1.1.7")
        var image = common(place, sopClass, modality: "OT", study: "Synthetic colour")
        image.set(Tag(0x0008, 0x0008), .cs, "DERIVED", "SECONDARY")
        image.set(Tag(0x0008, 0x0064), .cs, "SYN")
        image.set(Tag(0x0008, 0x103E), .lo, "Colour capture")
        image.set(Tag(0x0020, 0x0020), .cs, bytes: [])
        setColour(&image)
        let planes = colour(number: 1)
        image.set(
            .pixelData, .ob, bytes: (0..<planes[0].count).flatMap { [planes[0][$0], planes[1][$0], planes[2][$0]] })
        return image
    }

    /// A colour loop, each frame RLE compressed (PS3.5 annex G).
    static func loop(_ place: SyntheticPlace, frames: Int) -> DataSet {
        let sopClass = UID(literal: "1.2.840.10008.5.1.4.1.1.3.1")
        var image = common(place, sopClass, modality: "US", study: "Synthetic colour")
        image.set(Tag(0x0008, 0x0008), .cs, "ORIGINAL", "PRIMARY")
        image.set(Tag(0x0008, 0x103E), .lo, "Compressed loop")
        image.set(Tag(0x0018, 0x1063), .ds, "40")
        image.set(.numberOfFrames, .is, "\(frames)")
        image.set(Tag(0x0028, 0x0009), .at, numbers: [UInt16(0x0018), 0x1063])
        setColour(&image)
        image.setPixelData(frames: (1...frames).map { runLengthEncoded(colour(number: $0)) })
        return image
    }

    /// Patient, study, series and equipment: what every object has.
    static func common(_ place: SyntheticPlace, _ sopClass: UID, modality: String, study: String) -> DataSet {
        var object = DataSet()
        object.set(.specificCharacterSet, .cs, "ISO_IR 192")
        object.set(.sopClassUID, sopClass)
        object.set(.sopInstanceUID, place.instance)
        object.set(Tag(0x0008, 0x0020), .da, "20260101")
        object.set(Tag(0x0008, 0x0030), .tm, "115500")
        object.set(Tag(0x0008, 0x0050), .sh, "DEMO\(place.studyNumber)")
        object.set(Tag(0x0008, 0x0060), .cs, modality)
        object.set(Tag(0x0008, 0x0070), .lo, "wadogate")
        object.set(Tag(0x0008, 0x0090), .pn, bytes: [])
        object.set(Tag(0x0008, 0x1030), .lo, study)
        object.set(Tag(0x0010, 0x0010), .pn, "WADOGATE^DEMO")
        object.set(Tag(0x0010, 0x0020), .lo, "WADOGATE-DEMO")
        object.set(Tag(0x0010, 0x0030), .da, bytes: [])
        object.set(Tag(0x0010, 0x0040), .cs, "O")
        object.set(.studyInstanceUID, place.study)
        object.set(.seriesInstanceUID, place.series)
        object.set(Tag(0x0020, 0x0010), .sh, "\(place.studyNumber)")
        object.set(Tag(0x0020, 0x0011), .is, "\(place.seriesNumber)")
        object.set(Tag(0x0020, 0x0013), .is, "\(place.instanceNumber)")
        return object
    }

    private static func setGeometry(_ image: inout DataSet, _ place: SyntheticPlace) {
        image.set(Tag(0x0020, 0x0052), place.frameOfReference)
        image.set(Tag(0x0020, 0x1040), .lo, bytes: [])
    }

    private static func setGrey(_ image: inout DataSet, size: Int) {
        image.set(.samplesPerPixel, 1)
        image.set(.photometricInterpretation, .cs, "MONOCHROME2")
        image.set(.rows, UInt16(size))
        image.set(.columns, UInt16(size))
        image.set(.bitsAllocated, 16)
        image.set(Tag(0x0028, 0x0101), 12)
        image.set(Tag(0x0028, 0x0102), 11)
        image.set(.pixelRepresentation, 0)
    }

    private static func setColour(_ image: inout DataSet) {
        image.set(.samplesPerPixel, 3)
        image.set(.photometricInterpretation, .cs, "RGB")
        image.set(Tag(0x0028, 0x0006), 0)
        image.set(.rows, UInt16(colourSize.rows))
        image.set(.columns, UInt16(colourSize.columns))
        image.set(.bitsAllocated, 8)
        image.set(Tag(0x0028, 0x0101), 8)
        image.set(Tag(0x0028, 0x0102), 7)
        image.set(.pixelRepresentation, 0)
    }

    private static func sharedGroups() -> DataSet {
        var measures = DataSet()
        measures.set(Tag(0x0018, 0x0050), .ds, "2.5")
        measures.set(Tag(0x0028, 0x0030), .ds, "2", "2")
        var orientation = DataSet()
        orientation.set(Tag(0x0020, 0x0037), .ds, "1", "0", "0", "0", "1", "0")
        var window = DataSet()
        window.set(Tag(0x0028, 0x1050), .ds, "40")
        window.set(Tag(0x0028, 0x1051), .ds, "400")
        var values = DataSet()
        values.set(Tag(0x0028, 0x1052), .ds, "-1024")
        values.set(Tag(0x0028, 0x1053), .ds, "1")
        values.set(Tag(0x0028, 0x1054), .lo, "HU")
        var groups = DataSet()
        groups.set(Tag(0x0028, 0x9110), items: [measures])
        groups.set(Tag(0x0020, 0x9116), items: [orientation])
        groups.set(Tag(0x0028, 0x9132), items: [window])
        groups.set(Tag(0x0028, 0x9145), items: [values])
        return groups
    }

    private static func frameGroups(_ number: Int) -> DataSet {
        var content = DataSet()
        content.set(Tag(0x0020, 0x9056), .sh, "1")
        content.set(Tag(0x0020, 0x9057), .ul, numbers: [UInt32(number)])
        content.set(Tag(0x0020, 0x9157), .ul, numbers: [UInt32(1), UInt32(number)])
        var position = DataSet()
        position.set(Tag(0x0020, 0x0032), .ds, "-128", "-128", decimal(tenths: 25 * number))
        var groups = DataSet()
        groups.set(Tag(0x0020, 0x9111), items: [content])
        groups.set(Tag(0x0020, 0x9113), items: [position])
        return groups
    }

    /// Air around a disc of soft tissue whose size and density change with the number.
    private static func disc(size: Int, number: Int) -> [UInt16] {
        let centre = size / 2
        let outer = size * 7 / 16
        let inner = size / 16 + (number * size / 64) % (size / 4)
        var pixels = [UInt16](repeating: 24, count: size * size)
        for row in 0..<size {
            for column in 0..<size {
                let (dx, dy) = (column - centre, row - centre)
                let distance = dx * dx + dy * dy
                guard distance < outer * outer else { continue }
                let gradient = 964 + 160 * column / size
                pixels[row * size + column] = UInt16(distance < inner * inner ? 1224 : gradient)
            }
        }
        return pixels
    }

    /// Red, green and blue, each over the whole picture.
    private static func colour(number: Int) -> [[UInt8]] {
        var planes = [[UInt8]](repeating: [], count: 3)
        for row in 0..<colourSize.rows {
            for column in 0..<colourSize.columns {
                planes[0].append(UInt8(truncatingIfNeeded: 255 * column / colourSize.columns))
                planes[1].append(UInt8(truncatingIfNeeded: 255 * row / colourSize.rows))
                planes[2].append((row / 20 + column / 20 + number) % 2 == 0 ? 255 : 0)
            }
        }
        return planes
    }

    private static func decimal(tenths: Int) -> String { "\(tenths / 10).\(tenths % 10)" }

    /// One segment for each plane behind the header of 16 numbers (PS3.5 §G.3 to §G.5).
    private static func runLengthEncoded(_ planes: [[UInt8]]) -> [UInt8] {
        let segments = planes.map { plane in
            var segment = stride(from: 0, to: plane.count, by: colourSize.columns)
                .flatMap { packed(plane[$0..<$0 + colourSize.columns]) }
            if segment.count % 2 == 1 { segment.append(0) }
            return segment
        }
        var frame: [UInt8] = []
        frame.append(littleEndian: UInt32(segments.count))
        var offset = UInt32(64)
        for index in 0..<15 {
            frame.append(littleEndian: index < segments.count ? offset : 0)
            if index < segments.count { offset += UInt32(segments[index].count) }
        }
        return frame + segments.joined()
    }

    /// A row as runs: a count below zero repeats a byte, and one above copies some (PS3.5 §G.3.1).
    private static func packed(_ row: ArraySlice<UInt8>) -> [UInt8] {
        var output: [UInt8] = []
        var literal: [UInt8] = []
        var rest = row
        while let byte = rest.first {
            let run = min(rest.prefix { $0 == byte }.count, 128)
            rest = rest.dropFirst(run)
            if run > 2 {
                flush(&literal, to: &output)
                output += [UInt8(257 - run), byte]
            } else {
                literal += [UInt8](repeating: byte, count: run)
                if literal.count > 126 { flush(&literal, to: &output) }
            }
        }
        flush(&literal, to: &output)
        return output
    }

    private static func flush(_ literal: inout [UInt8], to output: inout [UInt8]) {
        guard !literal.isEmpty else { return }
        output.append(UInt8(literal.count - 1))
        output += literal
        literal.removeAll()
    }
}
