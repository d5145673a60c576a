// The rows of the transfer syntax table (PS3.6 table A-1; media types PS3.18 table 8.7.3-2, -4, -5).

extension TransferSyntax {
    static let octets = "application/octet-stream"

    private static func row(
        _ suffix: StaticString, _ name: String, _ codec: Codec, _ mediaType: String,
        _ pixels: Pixels = .encapsulatedFrames, lossy: Bool = false, isDefault: Bool = false
    ) -> TransferSyntax {
        TransferSyntax(
            UID(literal: "1.2.840.10008.1.2", suffix), name, codec, pixels, mediaType, isLossy: lossy,
            isDefault: isDefault)
    }

    static let jpegFamily: [TransferSyntax] = [
        row(".4.50", "JPEG Baseline (Process 1)", .jpeg, "image/jpeg", lossy: true),
        row(".4.51", "JPEG Extended (Process 2 & 4)", .jpeg, "image/jpeg", lossy: true),
        row(".4.52", "JPEG Extended (Process 3 & 5)", .jpeg, "image/jpeg", lossy: true),
        row(".4.53", "JPEG Spectral Selection, Non-Hierarchical (Process 6 & 8)", .jpeg, "image/jpeg", lossy: true),
        row(".4.54", "JPEG Spectral Selection, Non-Hierarchical (Process 7 & 9)", .jpeg, "image/jpeg", lossy: true),
        row(".4.55", "JPEG Full Progression, Non-Hierarchical (Process 10 & 12)", .jpeg, "image/jpeg", lossy: true),
        row(".4.56", "JPEG Full Progression, Non-Hierarchical (Process 11 & 13)", .jpeg, "image/jpeg", lossy: true),
        row(".4.57", "JPEG Lossless, Non-Hierarchical (Process 14)", .jpeg, "image/jpeg"),
        row(".4.58", "JPEG Lossless, Non-Hierarchical (Process 15)", .jpeg, "image/jpeg"),
        row(".4.59", "JPEG Extended, Hierarchical (Process 16 & 18)", .jpeg, "image/jpeg", lossy: true),
        row(".4.60", "JPEG Extended, Hierarchical (Process 17 & 19)", .jpeg, "image/jpeg", lossy: true),
        row(".4.61", "JPEG Spectral Selection, Hierarchical (Process 20 & 22)", .jpeg, "image/jpeg", lossy: true),
        row(".4.62", "JPEG Spectral Selection, Hierarchical (Process 21 & 23)", .jpeg, "image/jpeg", lossy: true),
        row(".4.63", "JPEG Full Progression, Hierarchical (Process 24 & 26)", .jpeg, "image/jpeg", lossy: true),
        row(".4.64", "JPEG Full Progression, Hierarchical (Process 25 & 27)", .jpeg, "image/jpeg", lossy: true),
        row(".4.65", "JPEG Lossless, Hierarchical (Process 28)", .jpeg, "image/jpeg"),
        row(".4.66", "JPEG Lossless, Hierarchical (Process 29)", .jpeg, "image/jpeg"),
        row(".4.70", "JPEG Lossless, Selection Value 1", .jpeg, "image/jpeg", isDefault: true),
    ]

    static let otherFrames: [TransferSyntax] = [
        row(".1.98", "Encapsulated Uncompressed Explicit VR Little Endian", .uncompressed, octets),
        row(".4.80", "JPEG-LS Lossless", .jpegLS, "image/jls", isDefault: true),
        row(".4.81", "JPEG-LS Near-Lossless", .jpegLS, "image/jls", lossy: true),
        row(".4.90", "JPEG 2000 Lossless", .jpeg2000, "image/jp2", isDefault: true),
        row(".4.91", "JPEG 2000", .jpeg2000, "image/jp2", lossy: true),
        row(
            ".4.92", "JPEG 2000 Part 2 Multi-component Lossless", .jpeg2000, "image/jpx", .encapsulatedStream,
            isDefault: true),
        row(".4.93", "JPEG 2000 Part 2 Multi-component", .jpeg2000, "image/jpx", .encapsulatedStream, lossy: true),
        row(".4.110", "JPEG XL Lossless", .jpegXL, "image/jxl", isDefault: true),
        row(".4.111", "JPEG XL JPEG Recompression", .jpegXL, "image/jxl", lossy: true),
        row(".4.112", "JPEG XL", .jpegXL, "image/jxl", lossy: true),
        row(".4.201", "High-Throughput JPEG 2000 Lossless", .htj2k, "image/jphc", isDefault: true),
        row(".4.202", "High-Throughput JPEG 2000 with RPCL Lossless", .htj2k, "image/jphc"),
        row(".4.203", "High-Throughput JPEG 2000", .htj2k, "image/jphc", lossy: true),
        rle,
        row(".8.1", "Deflated Image Frame Compression", .deflate, octets),
    ]

    static let streams: [TransferSyntax] = [
        row(".4.100", "MPEG2 Main Profile / Main Level", .mpeg2, "video/mpeg", .encapsulatedStream, lossy: true),
        row(
            ".4.100.1", "Fragmentable MPEG2 Main Profile / Main Level", .mpeg2, "video/mpeg", .encapsulatedStream,
            lossy: true),
        row(
            ".4.101", "MPEG2 Main Profile / High Level", .mpeg2, "video/mpeg", .encapsulatedStream, lossy: true,
            isDefault: true),
        row(
            ".4.101.1", "Fragmentable MPEG2 Main Profile / High Level", .mpeg2, "video/mpeg", .encapsulatedStream,
            lossy: true),
        row(
            ".4.102", "MPEG-4 AVC/H.264 High Profile", .h264, "video/mp4", .encapsulatedStream, lossy: true,
            isDefault: true),
        row(
            ".4.102.1", "Fragmentable MPEG-4 AVC/H.264 High Profile", .h264, "video/mp4", .encapsulatedStream,
            lossy: true),
        row(
            ".4.103", "MPEG-4 AVC/H.264 BD-compatible High Profile", .h264, "video/mp4", .encapsulatedStream,
            lossy: true),
        row(
            ".4.103.1", "Fragmentable MPEG-4 AVC/H.264 BD-compatible High Profile", .h264, "video/mp4",
            .encapsulatedStream, lossy: true),
        row(
            ".4.104", "MPEG-4 AVC/H.264 High Profile For 2D Video", .h264, "video/mp4", .encapsulatedStream,
            lossy: true),
        row(
            ".4.104.1", "Fragmentable MPEG-4 AVC/H.264 High Profile For 2D Video", .h264, "video/mp4",
            .encapsulatedStream, lossy: true),
        row(
            ".4.105", "MPEG-4 AVC/H.264 High Profile For 3D Video", .h264, "video/mp4", .encapsulatedStream,
            lossy: true),
        row(
            ".4.105.1", "Fragmentable MPEG-4 AVC/H.264 High Profile For 3D Video", .h264, "video/mp4",
            .encapsulatedStream, lossy: true),
        row(".4.106", "MPEG-4 AVC/H.264 Stereo High Profile", .h264, "video/mp4", .encapsulatedStream, lossy: true),
        row(
            ".4.106.1", "Fragmentable MPEG-4 AVC/H.264 Stereo High Profile", .h264, "video/mp4",
            .encapsulatedStream, lossy: true),
        row(
            ".4.107", "HEVC/H.265 Main Profile", .h265, "video/H265", .encapsulatedStream, lossy: true,
            isDefault: true),
        row(".4.108", "HEVC/H.265 Main 10 Profile", .h265, "video/H265", .encapsulatedStream, lossy: true),
    ]

    static let pixelsElsewhere: [TransferSyntax] = [
        row(".4.94", "JPIP Referenced", .jpeg2000, octets, .elsewhere, lossy: true),
        TransferSyntax(
            UID(literal: "1.2.840.10008.1.2.4.95"), "JPIP Referenced Deflate", .jpeg2000, .elsewhere, octets,
            isDeflated: true, isLossy: true),
        row(".4.204", "JPIP HTJ2K Referenced", .htj2k, octets, .elsewhere, lossy: true),
        TransferSyntax(
            UID(literal: "1.2.840.10008.1.2.4.205"), "JPIP HTJ2K Referenced Deflate", .htj2k, .elsewhere, octets,
            isDeflated: true, isLossy: true),
        row(".7.1", "SMPTE ST 2110-20 Uncompressed Progressive Active Video", .smpte, octets, .elsewhere),
        row(".7.2", "SMPTE ST 2110-20 Uncompressed Interlaced Active Video", .smpte, octets, .elsewhere),
        row(".7.3", "SMPTE ST 2110-30 PCM Digital Audio", .smpte, octets, .elsewhere),
    ]
}
