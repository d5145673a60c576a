import DICOM

/// Swift Testing has a `Tag` too.
typealias Tag = DICOM.Tag

/// Objects with fixed UIDs that the tests of this room are built from.
enum Fixtures {
    static let study = UID(literal: "1.2.826.0.1.3680043.8.498.1")
    static let series = UID(literal: "1.2.826.0.1.3680043.8.498.1.1")
    static let instance = UID(literal: "1.2.826.0.1.3680043.8.498.1.1.12")
    static let sopClass = UID(literal: "1.2.840.10008.5.1.4.1.1.2")

    /// What a head reader must find in ``head(nested:)``.
    static func facts(_ syntax: TransferSyntax?) -> InstanceFacts {
        InstanceFacts(
            study: study, series: series, instance: instance, sopClass: sopClass, transferSyntax: syntax?.uid,
            rows: 4, columns: 6, numberOfFrames: 3)
    }

    /// A small multi-frame image with nested sequences, private elements and odd corners before its facts.
    static func image(nesting depth: Int = 3) -> DataSet {
        var nested = DataSet()
        nested.set(.sopInstanceUID, UID(literal: "1.2.3"))
        nested.set(Tag(0x0008, 0x0050), .sh, "inner")
        for _ in 0..<depth {
            var outer = DataSet()
            outer.set(.rows, 999)
            outer.set(Tag(0x0008, 0x1140), items: [DataSet(), nested])
            nested = outer
        }
        var image = DataSet()
        image.set(.specificCharacterSet, .cs, "ISO_IR 100")
        image.set(.sopClassUID, sopClass)
        image.set(.sopInstanceUID, instance)
        image.set(Tag(0x0008, 0x1140), items: [nested])
        image.set(Tag(0x0008, 0x2112), items: [])
        image.set(Tag(0x0009, 0x0010), .lo, "WADOGATE")
        image.set(Tag(0x0009, 0x1001), .ob, bytes: (0..<77).map { UInt8($0) })
        image.set(Tag(0x0010, 0x0010), .pn, "WADOGATE^DEMO")
        image.set(.studyInstanceUID, study)
        image.set(.seriesInstanceUID, series)
        image.set(.samplesPerPixel, 1)
        image.set(.numberOfFrames, .is, "3")
        image.set(.rows, 4)
        image.set(.columns, 6)
        image.set(.bitsAllocated, 16)
        return image
    }

    static func withPixels(_ dataSet: DataSet, _ syntax: TransferSyntax) -> DataSet {
        var dataSet = dataSet
        if syntax.isEncapsulated {
            dataSet.setPixelData(frames: [[1, 2, 3], [4, 5], [6]])
        } else {
            dataSet.set(.pixelData, .ow, numbers: (0..<72).map { UInt16($0) })
        }
        return dataSet
    }

    /// A file with a few bytes changed, lost or cut off, all behind the preamble.
    static func mutated(_ file: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
        var mutated = file
        for _ in 0..<Int.random(in: 1...6, using: &generator) {
            let index = Int.random(in: 128..<mutated.count, using: &generator)
            switch UInt8.random(in: 0..<4, using: &generator) {
            case 0: mutated[index] = .random(in: 0...255, using: &generator)
            case 1: mutated[index] = 0xFF
            case 2: mutated.remove(at: index)
            default: mutated.removeLast(min(mutated.count - 130, Int.random(in: 0..<40, using: &generator)))
            }
        }
        return mutated
    }

    /// Group and element, VR letters or none, and a length of 16 or 32 bits as the VR has it: for bytes no writer makes.
    static func header(_ tag: Tag, _ vr: VR?, _ length: UInt32) -> [UInt8] {
        var bytes = [tag.group, tag.element].flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] }
        let length32 = stride(from: UInt32(0), to: 32, by: 8).map { UInt8(truncatingIfNeeded: length >> $0) }
        guard let vr else { return bytes + length32 }
        bytes += [UInt8(vr.rawValue >> 8), UInt8(truncatingIfNeeded: vr.rawValue)]
        return bytes + (vr.hasLongHeader ? [0, 0] + length32 : Array(length32[..<2]))
    }

    static func element(_ tag: Tag, _ vr: VR?, _ value: [UInt8]) -> [UInt8] {
        header(tag, vr, UInt32(value.count)) + value
    }

    static func element(_ tag: Tag, _ vr: VR?, _ value: String) -> [UInt8] {
        element(tag, vr, Array(value.utf8))
    }
}

/// SplitMix64: the same numbers in every run.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
