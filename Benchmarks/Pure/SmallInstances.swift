// The common case: a CT slice of 512 KiB becomes DICOM JSON.
import DICOM

enum SmallInstances {
    private static let rounds = 2000

    static func run() throws -> BenchmarkCases.Figures {
        var slice = Slice.head()
        slice.set(.pixelData, .ow, bytes: [UInt8](repeating: 1, count: 512 << 10))
        let source = BytesSource(try Part10Writer().file(slice))
        let memory = PeakMemory()
        let clock = CPUClock()
        var written = 0
        for _ in 0..<rounds {
            try JSONModel(bulkDataBase: "http://localhost/dicom-web").write(try Part10File(source)) {
                written += $0.count
            }
        }
        let seconds = clock.seconds
        return [
            ("instances/s", Double(rounds) / seconds), ("µs", seconds / Double(rounds) * 1e6),
            ("JSON MB/s", Double(written) / seconds / 1e6), ("peak MB", memory.megabytes),
        ]
    }
}

/// A CT slice with the seventy attributes that scanners write.
enum Slice {
    static func head() -> DataSet {
        var slice = DataSet()
        slice.set(.specificCharacterSet, .cs, "ISO_IR 100")
        slice.set(.sopClassUID, .ui, "1.2.840.10008.5.1.4.1.1.2")
        slice.set(.sopInstanceUID, .ui, MetadataDocument.series + ".1")
        slice.set(.studyInstanceUID, .ui, MetadataDocument.study)
        slice.set(.seriesInstanceUID, .ui, MetadataDocument.series)
        for element: UInt16 in 0x20...0x23 { slice.set(Tag(0x0008, element), .da, "20260103") }
        for element: UInt16 in 0x30...0x33 { slice.set(Tag(0x0008, element), .tm, "100955.123000") }
        slice.set(Tag(0x0008, 0x0008), .cs, "ORIGINAL", "PRIMARY", "AXIAL", "CT_SOM5 SPI")
        slice.set(Tag(0x0008, 0x0060), .cs, "CT")
        slice.set(Tag(0x0008, 0x0070), .lo, "Synthetic Works")
        slice.set(Tag(0x0008, 0x0080), .lo, "Hospital of Nowhere")
        slice.set(Tag(0x0008, 0x0090), .pn, "Referrer^Emile")
        slice.set(Tag(0x0008, 0x1030), .lo, "Thorax^Routine (Adult)")
        slice.set(Tag(0x0008, 0x103E), .lo, "Lung 1.0 I70f 3")
        var reference = DataSet()
        reference.set(Tag(0x0008, 0x1150), .ui, "1.2.840.10008.5.1.4.1.1.2")
        reference.set(Tag(0x0008, 0x1155), .ui, MetadataDocument.series + ".2")
        slice.set(Tag(0x0008, 0x1140), items: [reference])
        slice.set(Tag(0x0010, 0x0010), .pn, "Doe^Jane")
        slice.set(Tag(0x0010, 0x0020), .lo, "P-000123")
        slice.set(Tag(0x0010, 0x0030), .da, "19700101")
        slice.set(Tag(0x0010, 0x0040), .cs, "O")
        slice.set(Tag(0x0018, 0x0015), .cs, "CHEST")
        for element: UInt16 in [0x50, 0x60, 0x90, 0x1100, 0x1110, 0x1111, 0x1120, 0x1130, 0x1190] {
            slice.set(Tag(0x0018, element), .ds, "151.5")
        }
        for element: UInt16 in [0x1150, 0x1151, 0x1152, 0x1170] { slice.set(Tag(0x0018, element), .is, "141") }
        slice.set(Tag(0x0018, 0x1020), .lo, "syngo CT 2012B")
        slice.set(Tag(0x0018, 0x1030), .lo, "Thorax_routine")
        slice.set(Tag(0x0018, 0x5100), .cs, "HFS")
        slice.set(Tag(0x0020, 0x0011), .is, "3")
        slice.set(Tag(0x0020, 0x0013), .is, "17")
        slice.set(Tag(0x0020, 0x0032), .ds, "-180.6464844", "-343.6464844", "-1200.25")
        slice.set(Tag(0x0020, 0x0037), .ds, "1", "0", "0", "0", "1", "0")
        slice.set(Tag(0x0020, 0x0052), .ui, MetadataDocument.study + ".1")
        slice.set(Tag(0x0020, 0x1041), .ds, "-1200.25")
        slice.set(.samplesPerPixel, 1)
        slice.set(.photometricInterpretation, .cs, "MONOCHROME2")
        slice.set(.rows, 512)
        slice.set(.columns, 512)
        slice.set(Tag(0x0028, 0x0030), .ds, "0.70703125", "0.70703125")
        slice.set(.bitsAllocated, 16)
        for element: UInt16 in 0x0101...0x0107 { slice.set(Tag(0x0028, element), 12) }
        slice.set(Tag(0x0028, 0x1050), .ds, "-600", "40")
        slice.set(Tag(0x0028, 0x1051), .ds, "1200", "400")
        slice.set(Tag(0x0028, 0x1052), .ds, "-1024")
        slice.set(Tag(0x0028, 0x1053), .ds, "1")
        slice.set(Tag(0x0029, 0x0010), .lo, "SYNTHETIC HEADER")
        slice.set(Tag(0x0029, 0x1010), .ob, bytes: [UInt8](repeating: 7, count: 96))
        return slice
    }
}
