// Looks at the first bytes of what a backend sends before anything of it is believed. Pure.
import CachePolicy
import DICOM
import HTTP
import WADO

/// Decides from the part's fields and first bytes what an object is, or that it is not what was asked for.
struct BodyInspector {
    private let object: ObjectClass
    private let target: InstanceTarget
    private let answer: BackendRequest.Answer
    private let type: MediaType
    private let backend: String
    // What the data set says counts: anonymisers leave the old UID in the file meta.
    private var dataSet = Part10HeadReader(toleratesOtherFileMeta: true)
    private var first: [UInt8] = []

    init(
        object: ObjectClass, target: InstanceTarget, answer: BackendRequest.Answer, fields: HTTPFields, backend: String
    ) {
        self.object = object
        self.target = target
        self.answer = answer
        self.backend = backend
        type = fields["content-type"].flatMap { MediaType(parsing: $0) } ?? MediaType("application/octet-stream")
    }

    /// The description once enough was seen; nil: more is needed.
    ///
    /// - Throws: ``Problem`` 502 for a body that is not what was asked for, 406 for a syntax that was not.
    mutating func inspect(_ piece: [UInt8]) throws(Problem) -> ObjectDescription? {
        switch answer {
        case .dataSet:
            do {
                guard case .facts(let facts) = try dataSet.feed(piece) else { return nil }
                return try describe(facts)
            } catch let error as DICOMError {
                throw Problem(error, from: backend)
            } catch let error as Problem {
                throw error
            } catch {
                throw .badBody(from: backend, "something unreadable")
            }
        case .payload:
            return try describePayload()
        case .picture, .pictureOf, .json, .xml:
            first += piece.prefix(16 - min(16, first.count))
            return first.count < 16 ? nil : try describePicture()
        }
    }

    /// The body has ended before `inspect` was satisfied.
    mutating func finish() throws(Problem) -> ObjectDescription {
        if case .dataSet = answer {
            let facts: InstanceFacts
            do { facts = try dataSet.finish() } catch { throw Problem(error, from: backend) }
            return try describe(facts)
        }
        return if case .payload = answer { try describePayload() } else { try describePicture() }
    }

    private func describe(_ facts: InstanceFacts) throws(Problem) -> ObjectDescription {
        guard facts.study == target.study, facts.series == target.series, facts.instance == target.instance else {
            throw .badBody(
                from: backend, "another instance than the one asked for",
                detail: "\(facts.study) \(facts.series) \(facts.instance)")
        }
        let syntax = facts.transferSyntax?.string
        if case .instance(let wanted) = object, wanted != ObjectClass.stored, let syntax, syntax != wanted {
            throw .notAcceptable(
                have: ObjectDescription(mediaType: "application/dicom", transferSyntax: syntax, backend: backend))
        }
        return ObjectDescription(
            mediaType: "application/dicom", transferSyntax: syntax, backend: backend, facts: facts)
    }

    private func describePayload() throws(Problem) -> ObjectDescription {
        guard type.type != "text/html", type.type != "application/dicom" else {
            throw .badBody(from: backend, "\(type.type) where \(object.noun) was asked for")
        }
        let modern = Self.harmless(PixelMediaType.modernName(of: type.type))
        var syntax = type[parameter: "transfer-syntax"].flatMap { UID(lenient: $0)?.string }
        if case .frame(_, let wanted) = object {
            syntax = syntax ?? PixelMediaType.defaultSyntax(of: modern)
            let accepted = Representation.BulkType(type: "*/*", syntax: wanted == ObjectClass.stored ? "*" : wanted)
            guard accepted.accepts(mediaType: modern, transferSyntax: syntax) else {
                throw .notAcceptable(
                    have: ObjectDescription(mediaType: modern, transferSyntax: syntax, backend: backend))
            }
        }
        return ObjectDescription(mediaType: modern, transferSyntax: syntax, backend: backend)
    }

    private func describePicture() throws(Problem) -> ObjectDescription {
        let declared = type.type
        guard let actual = Self.sniff(first) ?? (isCredible(declared) ? declared : nil) else {
            throw .badBody(from: backend, "\(declared) where a picture was asked for")
        }
        // How a text is to be read is the archive's to say.
        let charset = actual == declared && actual.hasPrefix("text/") ? type[parameter: "charset"] : nil
        let mediaType = MediaType(actual, charset.map { [("charset", $0)] } ?? []).description
        return ObjectDescription(mediaType: mediaType, backend: backend)
    }

    /// A type that no browser runs as a program of the gateway's origin; anything unknown is bytes.
    static func harmless(_ type: String) -> String {
        let isPicture = type.hasPrefix("image/") && type != "image/svg+xml"
        return isPicture || type.hasPrefix("video/") || type == "application/pdf" ? type : "application/octet-stream"
    }

    /// The type that the first bytes tell, whatever the label says: some archives label every picture image/png.
    static func sniff(_ first: [UInt8]) -> String? {
        func begins(_ magic: [UInt8]) -> Bool { first.starts(with: magic) }
        if begins([0xFF, 0xD8, 0xFF]) { return "image/jpeg" }
        if begins([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) { return "image/png" }
        if begins(Array("GIF8".utf8)) { return "image/gif" }
        if begins([0, 0, 0, 0x0C, 0x6A, 0x50, 0x20, 0x20]) { return "image/jp2" }
        if begins(Array("%PDF-".utf8)) { return "application/pdf" }
        if first.count >= 8, Array(first[4..<8]) == Array("ftyp".utf8) { return "video/mp4" }
        if begins([0, 0, 1, 0xBA]) || begins([0, 0, 1, 0xB3]) { return "video/mpeg" }
        return nil
    }

    /// Types that no first bytes tell are believed only when they were asked for: an error page is HTML too.
    private func isCredible(_ declared: String) -> Bool {
        switch object {
        case .rendered(_, _, let asked), .thumbnail(_, _, let asked):
            asked == declared && !declared.hasPrefix("image/")
        default: false
        }
    }
}
