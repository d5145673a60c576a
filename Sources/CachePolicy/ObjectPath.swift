// From a key to a place in the cache's tree. The names are an operator's interface: readable with `ls`, safe to `rm`.
// Knows no file system; what it makes can't leave its folder, whatever the key holds.
package import DICOM

/// An object's place below the cache's `objects` folder.
///
///     _/3f/a1/<study>/<series>/<instance>/instance,stored
///     …/<instance>/frames/0/17,stored            frames 0 to 999 in `0`, 1000 to 1999 in `1`…
///     …/<instance>/frame-index
///     …/<instance>/metadata.json
///     _/3f/a1/<study>/study.txt                  its epoch and its record; no object, see StudyDocument
///     _/3f/a1/<study>/<series>/members           of the series as a whole
///     …/<series>/metadata.json
///     …/<instance>/bulk/00420011                 `/` of the BulkDataURI's tail as `,`
///     …/<instance>/rendered/17,image_jpeg,quality=90_viewport=512,512
///     …/<instance>/thumbnail/all,image_png,=2d06800538d394c2…
///
/// The first folder is the tenant, the next two are a hash of the Study UID. Folders of UIDs hold digits and dots only, so
/// that documents of a series or a study, which begin with a letter, can stand beside them. A part that is long or holds
/// anything unusual is replaced by `=` and its hash; two keys that share a hash are told apart by the key in the header.
package struct ObjectPath: Hashable, Sendable {
    /// The components from the tenant to the file's name: each 1 to 255 bytes of `A-Za-z0-9._=,-`, none of them `.` or
    /// `..`.
    package let components: [String]

    /// The file of an object.
    package init(_ key: ObjectKey) {
        components =
            Self.directory(of: key.seriesKey) + [key.instance?.string].compactMap { $0 } + Self.place(of: key.object)
    }

    /// The folder of a series.
    package init(_ series: SeriesKey) {
        components = Self.directory(of: series)
    }

    /// The folder of a study.
    package init(tenant: String, study: UID) {
        components = Self.directory(tenant: tenant, study: study)
    }

    /// The file of what is known of a study, beside its series; see ``StudyDocument``.
    package init(documentOf study: UID, tenant: String) {
        components = Self.directory(tenant: tenant, study: study) + [Self.studyDocument]
    }

    /// The name of a study's document.
    package static let studyDocument = "study.txt"

    /// The components joined by `/`.
    package var string: String { components.joined(separator: "/") }

    /// The file's or folder's own name.
    package var name: String { components.last ?? "" }

    /// The components of the folder that it stands in.
    package var directory: ArraySlice<String> { components.dropLast() }

    /// How many components lead to the folder of a series.
    package static let seriesDepth = 5

    static func directory(tenant: String, study: UID) -> [String] {
        let hash = ContentHash.checksum(Array(study.string.utf8))
        return [
            tenantFolder(tenant), hexadecimal(UInt8(truncatingIfNeeded: hash >> 56)),
            hexadecimal(UInt8(truncatingIfNeeded: hash >> 48)), study.string,
        ]
    }

    private static func directory(of series: SeriesKey) -> [String] {
        directory(tenant: series.tenant, study: series.study) + [series.series.string]
    }

    private static func place(of object: ObjectClass) -> [String] {
        switch object {
        case .instance(let syntax): ["instance,\(safeName(syntax, upTo: 64))"]
        case .frame(let number, let syntax): ["frames", "\(number / 1000)", "\(number),\(safeName(syntax, upTo: 64))"]
        case .bulk(let tail): ["bulk", safeName(tail, upTo: 160, writing: "/", as: ",")]
        case .frameIndex: ["frame-index"]
        case .members: ["members"]
        case .metadata(let format): ["metadata.\(format.rawValue)"]
        case .rendered(let frame, let parameters, let type): ["rendered", picture(frame, parameters, type)]
        case .thumbnail(let frame, let parameters, let type): ["thumbnail", picture(frame, parameters, type)]
        }
    }

    /// The parameters come last, since they alone may hold a comma: no two pictures share a name.
    private static func picture(_ frame: Int?, _ parameters: String, _ type: String) -> String {
        let frame = frame.map { "\($0)" } ?? "all"
        let type = type.contains(",") ? hashedName(type) : safeName(type, upTo: 48, writing: "/", as: "_")
        if parameters.isEmpty { return "\(frame),\(type)" }
        return "\(frame),\(type),\(safeName(parameters, upTo: 120, writing: "&", as: "_"))"
    }

    /// The text itself when it is short and safe, with `separator` written as `stand`; else its hash.
    ///
    /// One to one up to hash collisions: a text that holds `stand` itself is hashed, and only a hash begins with `=`.
    static func safeName(
        _ text: String, upTo limit: Int, writing separator: Unicode.Scalar? = nil, as stand: Unicode.Scalar? = nil
    ) -> String {
        var name = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if let separator, scalar == separator, let stand {
                name.append(stand)
            } else if isSafe(scalar), scalar != stand {
                name.append(scalar)
            } else {
                return hashedName(text)
            }
            if name.count > limit { return hashedName(text) }
        }
        // A leading dot hides a file or climbs, a leading hyphen is an option to `rm`.
        guard let first = name.first, first == "_" || isAlphanumeric(first) else { return hashedName(text) }
        return String(name)
    }

    private static func hashedName(_ text: String) -> String { "=" + ContentHash.name(Array(text.utf8)) }

    private static func isAlphanumeric(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9": true
        default: false
        }
    }

    private static func isSafe(_ scalar: Unicode.Scalar) -> Bool {
        isAlphanumeric(scalar) || scalar == "." || scalar == "_" || scalar == "=" || scalar == "," || scalar == "-"
    }

    private static func hexadecimal(_ byte: UInt8) -> String {
        (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }
}
