// What the gateway does once with a stored multi-frame object: find its frames, write its metadata.
import DICOM

enum ReadingObjects {
    static func run(_ kind: LargeObject.Kind, megabytes: Int) throws -> BenchmarkCases.Figures {
        let object = try LargeObject(kind, megabytes: megabytes)
        let memory = PeakMemory()
        let parsing = CPUClock()
        let file = try Part10File(object)
        let frames = try FrameIndex(file).numberOfFrames
        let parsed = parsing.seconds
        let writing = CPUClock()
        var written = 0
        try JSONModel(bulkDataBase: "http://localhost/dicom-web").write(file) { written += $0.count }
        let wrote = writing.seconds
        let size = Double(object.length) / 1e6
        return [
            ("parse ms", parsed * 1e3), ("parse MB/s", size / parsed), ("JSON ms", wrote * 1e3),
            ("JSON MB/s", size / wrote), ("JSON written MB", Double(written) / 1e6), ("frames", Double(frames)),
            ("peak MB", memory.megabytes),
        ]
    }
}
