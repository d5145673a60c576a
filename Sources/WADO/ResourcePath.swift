// The paths of WADO-RS resources below the service's root (PS3.18 §10.1, §10.4.1). Must not know queries or headers.
package import DICOM
private import HTTP

/// A WADO-RS path, taken apart.
package struct ResourcePath: Sendable, Hashable {
    package var study: UID
    package var series: UID?
    package var instance: UID?
    package var resource: RetrieveRequest.Resource

    /// The most frames that one request may name.
    static let frameLimit = 10_000

    /// The longest path below an instance, in octets.
    static let tailLimit = 12 << 10

    /// Reads the path behind the service's root.
    ///
    /// - Parameter path: percent-encoded, with or without "/" at its beginning and end.
    /// - Throws: 400 for a UID, frame list or bulk data path that is none; 404 for no resource of ours; 501 for searches.
    package init(_ path: some StringProtocol) throws(WADOError) {
        guard let normal = PercentCoding.normalize(Array(path.utf8)[...]) else {
            throw WADOError(
                status: 400, message: "The path holds a broken percent escape or a character that it may not.")
        }
        var segments = String(decoding: normal, as: UTF8.self)
            .split(separator: "/", omittingEmptySubsequences: false)[...]
        if segments.first?.isEmpty == true { segments.removeFirst() }
        if segments.last?.isEmpty == true { segments.removeLast() }
        try self.init(segments: segments)
    }

    private init(segments: ArraySlice<Substring>) throws(WADOError) {
        var rest = segments
        guard let top = rest.popFirst(), top == "studies" else {
            throw ["series", "instances"].contains(segments.first ?? "") ? Self.search : Self.unknown(segments)
        }
        guard let study = rest.popFirst() else { throw Self.search }
        self.study = try Self.uid(study, "Study Instance UID")
        if rest.first == "series" {
            rest.removeFirst()
            guard let series = rest.popFirst() else { throw Self.search }
            self.series = try Self.uid(series, "Series Instance UID")
        }
        if rest.first == "instances" {
            guard series != nil || rest.count == 1 else { throw Self.unknown(segments) }
            rest.removeFirst()
            guard let instance = rest.popFirst() else { throw Self.search }
            self.instance = try Self.uid(instance, "SOP Instance UID")
        }
        resource = .dataSets
        guard !rest.isEmpty else { return }
        guard let found = try Self.resource(rest, isInstance: instance != nil) else { throw Self.unknown(segments) }
        resource = found
    }

    // MARK: Below the target

    private static func resource(
        _ rest: ArraySlice<Substring>, isInstance: Bool
    ) throws(WADOError) -> RetrieveRequest.Resource? {
        let words = Array(rest)
        switch (words[0], words.count) {
        case ("metadata", 1): return .metadata
        case ("rendered", 1): return .rendered(frames: nil)
        case ("thumbnail", 1): return .thumbnail(frame: nil)
        case ("pixeldata", 1): return .pixelData
        case ("bulkdata", 1): return .bulkData
        case ("bulkdata", _), ("bulk", 2...): return isInstance ? .bulk(tail: try tail(rest)) : nil
        case ("frames", _): return isInstance ? try frames(words.dropFirst()) : nil
        default: return nil
        }
    }

    private static func frames(_ words: ArraySlice<Substring>) throws(WADOError) -> RetrieveRequest.Resource? {
        let list = try frameList(words.first ?? "")
        switch words.dropFirst().first {
        case nil: return .frames(list)
        case "rendered" where words.count == 2: return .rendered(frames: list)
        case "thumbnail" where words.count == 2:
            guard list.count == 1 else {
                throw WADOError(status: 400, message: "A thumbnail is made of one frame; the path names \(list.count).")
            }
            return .thumbnail(frame: list[0])
        default: return nil
        }
    }

    /// "3" or "1,5,2", the comma encoded or not, in any order.
    private static func frameList(_ text: Substring) throws(WADOError) -> [Int] {
        let error = WADOError(
            status: 400,
            message:
                "The frame list must be frame numbers from 1 on, separated by commas, but is \(WADOError.quoted(text))."
        )
        guard let list = PercentCoding.decode(text) else { throw error }
        let numbers = list.split(separator: ",", omittingEmptySubsequences: false)
        guard numbers.count <= frameLimit else {
            throw WADOError(
                status: 400,
                message: "The frame list names \(numbers.count) frames; at most \(frameLimit) can be asked for.")
        }
        var result: [Int] = []
        result.reserveCapacity(numbers.count)
        for number in numbers {
            guard (1...9).contains(number.utf8.count), number.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let frame = Int(number), frame >= 1
            else { throw error }
            result.append(frame)
        }
        return result
    }

    /// A path that we, or the archive behind us, made: decoded once, encoded again, so that one resource has one name.
    private static func tail(_ segments: ArraySlice<Substring>) throws(WADOError) -> String {
        let error = WADOError(
            status: 400,
            message: "The bulk data path holds an empty segment, a dot segment, a slash or a control character.")
        var result: [String] = []
        for segment in segments {
            guard let decoded = PercentCoding.decode(segment), !decoded.isEmpty, decoded != ".", decoded != "..",
                !decoded.utf8.contains(where: { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "\\") })
            else { throw error }
            result.append(PercentCoding.encode(decoded, for: .segment))
        }
        let tail = result.joined(separator: "/")
        guard tail.utf8.count <= tailLimit else {
            throw WADOError(status: 400, message: "The bulk data path is longer than \(tailLimit) characters.")
        }
        return tail
    }

    // MARK: Errors

    private static func uid(_ segment: Substring, _ name: String) throws(WADOError) -> UID {
        guard let uid = UID(segment) else {
            let text = PercentCoding.decode(segment) ?? String(segment)
            throw WADOError(
                status: 400,
                message: "The \(name) in the path must be 1 to 64 digits and dots, but is \(WADOError.quoted(text)).")
        }
        return uid
    }

    private static let search = WADOError(
        status: 501,
        message: "Searching (QIDO-RS) is not available yet. Retrieve a study by its UID: /studies/{study}.")

    private static func unknown(_ segments: ArraySlice<Substring>) -> WADOError {
        WADOError(
            status: 404,
            message: "There is no resource \(WADOError.quoted("/" + segments.joined(separator: "/"))). Known are "
                + "/studies/{study}[/series/{series}[/instances/{instance}]], and behind it /metadata, /rendered, /thumbnail, "
                + "/bulkdata, /pixeldata, and for an instance /frames/{list}[/rendered|/thumbnail].")
    }
}
