// Which SOP classes are pictures, as far as their UIDs tell. Pure.
package import DICOM

/// What may be expected of an instance of a SOP class.
package enum SOPClassKind: Sendable, Hashable {
    /// A picture by itself; also every class that is not known, since new ones are mostly images.
    case image
    /// Pixels that are no picture by themselves: segmentations, parametric maps, doses.
    case pixelsOnly
    /// No pixel data: reports, presentation states, waveforms, documents, plans.
    case withoutPixels

    private static let storage = "1.2.840.10008.5.1.4.1.1."

    /// By what follows the storage root: a class, or a family of classes where it ends in a dot.
    private static let radiotherapyImages = ["481.1", "481.23", "481.24"]
    private static let pixels = ["30", "66.4", "66.7", "66.8", "481.2"]
    private static let plain = [
        "4.2", "8", "9", "9.", "10", "11", "11.", "66", "66.1", "66.2", "66.3", "66.5", "66.6", "67", "68.", "77.1.5.3",
        "78.", "79.", "80.", "88.", "90.", "91.", "104.", "129", "131", "200.", "201.", "481.",
    ]

    /// Spec: PS3.4 Table B.5-1.
    package init(_ sopClass: UID?) {
        guard let uid = sopClass?.string, uid.hasPrefix(Self.storage) else {
            // Hanging protocols, colour palettes, implant templates and the Media Storage Directory have roots of their own.
            self = sopClass?.string.hasPrefix("1.2.840.10008.") == true ? .withoutPixels : .image
            return
        }
        let tail = uid.dropFirst(Self.storage.count)
        func isIn(_ family: [String]) -> Bool {
            family.contains { $0.hasSuffix(".") ? tail.hasPrefix($0) : tail == $0 }
        }
        if isIn(Self.radiotherapyImages) {
            self = .image
        } else {
            self = isIn(Self.pixels) ? .pixelsOnly : isIn(Self.plain) ? .withoutPixels : .image
        }
    }
}
