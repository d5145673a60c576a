// 100 MB of a series' metadata through the rewriter, in the pieces in which they come from a network.
import DICOM
import HTTP
import WADO

enum RewritingMetadata {
    private static let length = 100_000_000
    /// What libcurl hands out at once.
    private static let pieceLength = 16 << 10

    static func run(_ document: MetadataDocument) throws -> BenchmarkCases.Figures {
        guard let study = UID(MetadataDocument.study), let series = UID(MetadataDocument.series),
            let root = HTTPURL(MetadataDocument.root)
        else { return [] }
        var rewriter = JSONMetadataRewriter(
            expecting: .init(study: study, series: series), base: root,
            document: root.appending(path: "/studies/\(study)/series/\(series)/metadata"), token: { _, _ in nil })
        let block = pieces(document)
        let memory = PeakMemory()
        let clock = CPUClock()
        var (read, written) = (0, 0)
        written += try rewriter.feed(Array("[".utf8)).count
        while read < length {
            if read > 0 { written += try rewriter.feed(Array(",".utf8)).count }
            for piece in block {
                written += try rewriter.feed(piece).count
                read += piece.count
            }
        }
        written += try rewriter.feed(Array("]".utf8)).count
        _ = try rewriter.finish()
        let seconds = clock.seconds
        return [
            ("MB/s", Double(read) / seconds / 1e6), ("ms", seconds * 1e3), ("peak MB", memory.megabytes),
            ("written MB", Double(written) / 1e6),
        ]
    }

    /// Some megabytes of data sets, joined by commas.
    private static func pieces(_ document: MetadataDocument) -> [[UInt8]] {
        var bytes: [UInt8] = []
        var number = 0
        while bytes.count < 4_000_000 {
            if number > 0 { bytes.append(UInt8(ascii: ",")) }
            bytes += document.dataSet(number).utf8
            number += 1
        }
        return stride(from: 0, to: bytes.count, by: pieceLength).map {
            Array(bytes[$0..<min($0 + pieceLength, bytes.count)])
        }
    }
}
