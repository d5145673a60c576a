// Which media type carries the frames of which transfer syntax (PS3.18 Table 8.7.3-2 and following; PROTOCOL A.2).

/// The table of PROTOCOL A.2, both ways.
package enum PixelMediaType {
    private static let root = "1.2.840.10008.1.2"

    /// Rows of (media type, default syntax, other syntaxes) as suffixes of the DICOM transfer syntax root.
    private static let table: [(type: String, syntaxes: [String])] = [
        ("image/jpeg", [".4.70", ".4.50", ".4.51", ".4.57"]),
        ("image/dicom-rle", [".5"]),
        ("image/jls", [".4.80", ".4.81"]),
        ("image/jp2", [".4.90", ".4.91"]),
        ("image/jpx", [".4.92", ".4.93"]),
        ("image/jphc", [".4.201", ".4.202", ".4.203"]),
        ("image/jxl", [".4.110", ".4.111", ".4.112"]),
        ("video/mpeg", [".4.101", ".4.100", ".4.100.1", ".4.101.1"]),
        (
            "video/mp4",
            [
                ".4.102", ".4.103", ".4.104", ".4.105", ".4.106", ".4.102.1", ".4.103.1", ".4.104.1", ".4.105.1",
                ".4.106.1",
            ]
        ),
        ("video/H265", [".4.107", ".4.108"]),
    ]

    /// The media type for frames of a syntax; octet-stream for uncompressed and unknown ones.
    package static func type(of syntax: String) -> String {
        guard syntax.hasPrefix(root) else { return "application/octet-stream" }
        let suffix = String(syntax.dropFirst(root.count))
        return table.first { $0.syntaxes.contains(suffix) }?.type ?? "application/octet-stream"
    }

    /// The syntax meant by a media type that names none.
    package static func defaultSyntax(of type: String) -> String? {
        let type = modernName(of: type)
        if type == "application/octet-stream" || type == "application/dicom" { return root + ".1" }
        return table.first { $0.type.lowercased() == type }?.syntaxes.first.map { root + $0 }
    }

    /// Whether the frames of both syntaxes are the same bytes: little-endian values without compression.
    package static func isRaw(_ syntax: String) -> Bool {
        [root, root + ".1", root + ".1.99"].contains(syntax)
    }

    /// The present name of types that older software sends.
    package static func modernName(of type: String) -> String {
        switch type.lowercased() {
        case "image/x-dicom-rle", "image/dicom+rle": "image/dicom-rle"
        case "image/x-jls", "image/dicom+jpeg-ls": "image/jls"
        case "image/dicom+jpeg": "image/jpeg"
        case "image/dicom+jp2": "image/jp2"
        case "image/dicom+jpx": "image/jpx"
        case "video/mpeg2": "video/mpeg"
        default: type.lowercased()
        }
    }
}
