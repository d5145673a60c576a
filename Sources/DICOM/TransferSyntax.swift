// The transfer syntaxes and what follows from each: encoding of elements, form of pixel data, media type on the web.

/// A transfer syntax: how a data set and the pixel data in it are written (PS3.5 §10, annex A).
package struct TransferSyntax: Hashable, Sendable {
    /// What (7FE0,0010) holds.
    package enum Pixels: Hashable, Sendable {
        /// Samples one behind the other, by Rows, Columns and Bits Allocated.
        case native
        /// Fragments, each frame in one or more of its own.
        case encapsulatedFrames
        /// Fragments of one video stream, or of a codestream over all frames: no frame stands alone.
        case encapsulatedStream
        /// Nothing: a URL in (0028,7FE0) tells where pixels are (JPIP), or a live flow does (SMPTE).
        case elsewhere
    }

    package enum Codec: String, Hashable, Sendable {
        case uncompressed, jpeg, jpegLS, jpeg2000, htj2k, jpegXL, rle, mpeg2, h264, h265, deflate, smpte, unknown
    }

    package let uid: UID
    /// Its name in PS3.6 table A-1, shortened.
    package let name: String
    package let encoding: ElementEncoding
    /// Whether all behind file meta is a raw deflate stream.
    package let isDeflated: Bool
    package let pixels: Pixels
    package let codec: Codec
    /// Whether pixels may differ from what was acquired; true also where the codec can do both.
    package let isLossy: Bool
    /// The type of one frame of it as a part of an answer (PS3.18 §8.7.3), without parameters.
    package let pixelMediaType: String
    /// Whether this is the one that its media type means when no transfer syntax is named.
    package let isDefaultOfMediaType: Bool

    package var isEncapsulated: Bool { pixels == .encapsulatedFrames || pixels == .encapsulatedStream }

    package var isVideo: Bool {
        switch codec {
        case .mpeg2, .h264, .h265: true
        default: false
        }
    }

    /// The entry of a UID; nil if the UID names none that is known.
    package init?(_ uid: UID) {
        guard let known = TransferSyntax.byUID[uid] else { return nil }
        self = known
    }

    /// What an unknown UID is read as: every syntax but the first has been Explicit Little Endian since 1996, and every
    /// new one has been encapsulated.
    package init(unknown uid: UID) {
        self.init(uid, "Unknown", .unknown, .encapsulatedFrames, "application/octet-stream", isLossy: true)
    }

    init(
        _ uid: UID, _ name: String, _ codec: Codec, _ pixels: Pixels, _ mediaType: String,
        encoding: ElementEncoding = .explicitLittle, isDeflated: Bool = false, isLossy: Bool = false,
        isDefault: Bool = false
    ) {
        self.uid = uid
        self.name = name
        self.encoding = encoding
        self.isDeflated = isDeflated
        self.pixels = pixels
        self.codec = codec
        self.isLossy = isLossy
        pixelMediaType = mediaType
        isDefaultOfMediaType = isDefault
    }

    package static let implicitLittle = TransferSyntax(
        UID(literal: "1.2.840.10008.1.2"), "Implicit VR Little Endian", .uncompressed, .native, octets,
        encoding: .implicitLittle)
    package static let explicitLittle = TransferSyntax(
        UID(literal: "1.2.840.10008.1.2.1"), "Explicit VR Little Endian", .uncompressed, .native, octets,
        isDefault: true)
    package static let explicitBig = TransferSyntax(
        UID(literal: "1.2.840.10008.1.2.2"), "Explicit VR Big Endian", .uncompressed, .native, octets,
        encoding: .explicitBig)
    package static let deflated = TransferSyntax(
        UID(literal: "1.2.840.10008.1.2.1.99"), "Deflated Explicit VR Little Endian", .uncompressed, .native, octets,
        isDeflated: true)
    package static let rle = TransferSyntax(
        UID(literal: "1.2.840.10008.1.2.5"), "RLE Lossless", .rle, .encapsulatedFrames, "image/dicom-rle",
        isDefault: true)

    /// Every known one, in the order of PS3.6.
    package static let all: [TransferSyntax] =
        [implicitLittle, explicitLittle, deflated, explicitBig] + jpegFamily + otherFrames + streams + pixelsElsewhere

    private static let byUID = Dictionary(uniqueKeysWithValues: all.map { ($0.uid, $0) })
}
