// What is asked of a backend for one object of one instance. Pure: the same words in, the same URL out.
package import CachePolicy
package import DICOM
package import FHIR
package import HTTP

/// The instance that a request is about.
package struct InstanceTarget: Sendable, Hashable {
    package var study: UID
    package var series: UID
    package var instance: UID

    package init(study: UID, series: UID, instance: UID) {
        self.study = study
        self.series = series
        self.instance = instance
    }

    /// "/studies/…/series/…/instances/…".
    package var path: String { "/studies/\(study)/series/\(series)/instances/\(instance)" }
}

/// One request to one backend, and how its answer is to be read.
package struct BackendRequest: Sendable, Hashable {
    package enum Answer: Sendable, Hashable {
        /// A Part 10 file, bare or as the one part of a multipart.
        case dataSet
        /// One payload with a media type, bare or as the one part of a multipart.
        case payload
        /// DICOM JSON.
        case json
        /// Native DICOM Model documents as parts.
        case xml
        /// A picture whose type its first bytes tell.
        case picture
        /// Of several pictures the one of this instance, which its Content-Location names.
        case pictureOf(InstanceTarget)
    }

    package var url: HTTPURL
    package var accept: String
    package var answer: Answer
    /// Without these another picture than the one asked for would come: each must be known before the request is sent.
    package var needs: Set<Ability> = []
    /// With these the picture would be a better one; the request uses those that are known.
    package var wants: Set<Ability> = []

    package init(url: HTTPURL, accept: String, answer: Answer) {
        self.url = url
        self.accept = accept
        self.answer = answer
    }
}

extension BackendRequest {
    /// The request for one object to one endpoint (PROTOCOL C).
    ///
    /// - Parameters:
    ///   - base: the endpoint's normalised base.
    ///   - abilities: what the archive is known to be able to do; without the ability of thumbnails a WADO-RS archive is asked
    ///     for a small rendered picture.
    ///   - facts: the instance's size and frames, where they are needed and known.
    /// - Throws: ``WADOError`` 501 for what this endpoint cannot be asked; 404 for a frame that does not exist.
    package init(
        for object: ObjectClass, of target: InstanceTarget, rendering: RenderingParameters, from type: ConnectionType,
        base: HTTPURL, abilities: Abilities, facts: InstanceFacts?
    ) throws(WADOError) {
        switch type {
        case .wadoRS:
            try self.init(
                restful: object, of: target, rendering: rendering, base: base, abilities: abilities, facts: facts)
        case .wadoURI:
            try self.init(
                uri: object, of: target, rendering: rendering, base: base, abilities: abilities, facts: facts)
        default:
            throw Self.refusal(of: object, by: type) ?? WADOError(status: 501, message: "Not translated.")
        }
    }

    // MARK: WADO-RS

    private init(
        restful object: ObjectClass, of target: InstanceTarget, rendering: RenderingParameters, base: HTTPURL,
        abilities: Abilities, facts: InstanceFacts?
    ) throws(WADOError) {
        var object = object
        var rendering = object.pictureType.map { rendering.relevant(to: $0) } ?? rendering
        var wants: Set<Ability> = []
        if case .thumbnail(let frame, _, let type) = object, abilities.has(.thumbnail) == false {
            object = .rendered(frame: frame, parameters: "", type: type)
            wants = rendering.shrink(for: abilities, facts)
        }
        guard let type = object.pictureType else {
            self.init(
                url: base.appending(path: target.path + Self.tail(of: object), query: nil),
                accept: Self.accept(for: object), answer: Self.answer(to: object))
            return
        }
        let charset = Self.charset(rendering.charset, abilities)
        let presentation = rendering.presentation
        if presentation != nil { rendering = try rendering.toPresentationState() }
        let asked = try rendering.wadoRSQuery(rows: facts?.rows, columns: facts?.columns)
        let items = [asked.items, charset.items].filter { !$0.isEmpty }.joined(separator: "&")
        let query = items.isEmpty ? nil : items
        if let presentation {
            // The presentation state's own picture is one of each image that it applies to.
            let state = InstanceTarget(
                study: target.study, series: presentation.series, instance: presentation.instance)
            self.init(
                url: base.appending(path: state.path + "/rendered", query: query),
                accept: "multipart/related; type=\"\(type)\"", answer: .pictureOf(target))
        } else {
            self.init(
                url: base.appending(path: target.path + Self.tail(of: object), query: query),
                accept: Self.accept(for: object), answer: .picture)
        }
        needs = asked.needs.union(charset.needs)
        self.wants = wants.union(charset.wants)
        // A thumbnail's size is a wish (PS3.18 §10.4.1.1.4), and an archive that has thumbnails knows it.
        if case .thumbnail = object { needs.remove(.viewport) }
    }

    /// The path behind the instance's.
    private static func tail(of object: ObjectClass) -> String {
        switch object {
        case .instance: ""
        case .frame(let number, _): "/frames/\(number)"
        case .bulk(let tail): "/" + tail
        case .metadata: "/metadata"
        case .rendered(nil, _, _): "/rendered"
        case .rendered(let frame?, _, _): "/frames/\(frame)/rendered"
        case .thumbnail(nil, _, _): "/thumbnail"
        case .thumbnail(let frame?, _, _): "/frames/\(frame)/thumbnail"
        case .frameIndex, .members: ""
        }
    }

    /// One media range only: some archives read no more than the first (PROTOCOL I).
    private static func accept(for object: ObjectClass) -> String {
        switch object {
        case .instance(let syntax):
            "multipart/related; type=\"application/dicom\"; transfer-syntax=\(wireSyntax(syntax))"
        case .frame(_, let syntax):
            "multipart/related; type=\"\(bulkType(of: syntax))\"; transfer-syntax=\(wireSyntax(syntax))"
        case .bulk: "multipart/related; type=\"application/octet-stream\""
        case .metadata(.json): "application/dicom+json"
        case .metadata(.xml): "multipart/related; type=\"application/dicom+xml\""
        case .rendered(_, _, let type), .thumbnail(_, _, let type): type
        case .frameIndex, .members: "*/*"
        }
    }

    private static func answer(to object: ObjectClass) -> Answer {
        switch object {
        case .instance: .dataSet
        case .frame, .bulk, .frameIndex, .members: .payload
        case .metadata(.json): .json
        case .metadata(.xml): .xml
        case .rendered, .thumbnail: .picture
        }
    }

    private static func wireSyntax(_ syntax: String) -> String { syntax == ObjectClass.stored ? "*" : syntax }

    /// The media type under which a transfer syntax's frames are asked for.
    private static func bulkType(of syntax: String) -> String {
        syntax == ObjectClass.stored ? "application/octet-stream" : PixelMediaType.type(of: syntax)
    }

    // MARK: WADO-URI

    private init(
        uri object: ObjectClass, of target: InstanceTarget, rendering: RenderingParameters, base: HTTPURL,
        abilities: Abilities, facts: InstanceFacts?
    ) throws(WADOError) {
        let names = "studyUID=\(target.study)&seriesUID=\(target.series)&objectUID=\(target.instance)"
        var query = "requestType=WADO&\(names)"
        var wants: Set<Ability> = []
        switch object {
        case .instance(let syntax):
            // A raw slash: Orthanc answers 400 to "application%2Fdicom". Without transferSyntax, which means Explicit VR
            // Little Endian, most archives send their file; of others it is known that they read "*" (dcm4chee).
            query += "&contentType=application/dicom"
            if syntax != ObjectClass.stored {
                query += "&transferSyntax=\(syntax)"
            } else if abilities.has(.storedSyntax) == true {
                query += "&transferSyntax=*"
            }
            self.init(url: base.merging(query: query), accept: "application/dicom", answer: .dataSet)
        case .rendered(let frame, _, let type), .thumbnail(let frame, _, let type):
            var rendering = rendering.relevant(to: type)
            if case .thumbnail = object { wants = rendering.shrink(for: abilities, facts) }
            let asked = try rendering.wadoURIQuery(rows: facts?.rows, columns: facts?.columns)
            let charset = Self.charset(rendering.charset, abilities)
            // The standard has no frame numbers beside presentation states (PS3.18 §9.5.2.3).
            let number: Items =
                rendering.presentation == nil
                ? try Self.frameNumber(frame, of: facts?.numberOfFrames, type: type, abilities) : ("", [], [])
            let items = [query, "contentType=\(type)", asked.items, charset.items, number.items]
                .filter { !$0.isEmpty }
            self.init(url: base.merging(query: items.joined(separator: "&")), accept: type, answer: .picture)
            needs = asked.needs.union(charset.needs).union(number.needs)
            self.wants = wants.union(charset.wants).union(number.wants)
        case .frame, .bulk, .metadata, .frameIndex, .members:
            throw Self.refusal(of: object, by: .wadoURI) ?? WADOError(status: 501, message: "Not translated.")
        }
    }

    /// Why an endpoint of this type cannot be asked for an object of this class at all; nil when it can.
    package static func refusal(of object: ObjectClass, by type: ConnectionType) -> WADOError? {
        switch (type, object) {
        case (_, .frameIndex), (_, .members):
            return WADOError(status: 501, message: "No archive has a \(object.noun).")
        case (.wadoRS, _), (.wadoURI, .instance), (.wadoURI, .rendered), (.wadoURI, .thumbnail), (.archive, .instance):
            return nil
        case (.wadoURI, _):
            return WADOError(
                status: 501,
                message:
                    "This series lies on an archive that speaks only WADO-URI, which has no such resource. Ask for the "
                    + "instance instead.")
        case (.archive, .rendered), (.archive, .thumbnail):
            return WADOError(
                status: 406,
                message:
                    "This series lies in a folder of DICOM files, and pictures are not made from those. Available: "
                    + "application/dicom, its frames, bulk data and metadata.")
        case (.archive, _):
            return WADOError(
                status: 501,
                message:
                    "This series lies in a folder of DICOM files, which has no such resource. Ask for the instance "
                    + "instead.")
        default:
            return WADOError(status: 501, message: "An endpoint of type \(type.code) cannot be asked for images.")
        }
    }

    /// Query items, what they demand of an archive, and what would make the answer a better one.
    private typealias Items = (items: String, needs: Set<Ability>, wants: Set<Ability>)

    /// frameNumber is an error for an instance of one frame (PS3.18 §9.5.1.2.3). Of several, the picture of the whole
    /// instance in a type for one frame is its first frame's, and what an archive shows that does not know the parameter is
    /// its picture, too.
    private static func frameNumber(
        _ frame: Int?, of frames: Int?, type: String, _ abilities: Abilities
    ) throws(WADOError) -> Items {
        guard let frames else {
            if frame == nil { return ("", [], []) }
            throw WADOError(
                status: 501,
                message: "No single frame can be asked for, since it is not known how many the instance has.")
        }
        if let frame, frame > frames {
            throw WADOError(status: 404, message: "Frame \(frame) does not exist: the instance has \(frames).")
        }
        guard frames > 1 else { return ("", [], []) }
        if let frame { return ("frameNumber=\(frame)", [.frameNumber], []) }
        guard type.hasPrefix("image/"), type != "image/gif" else { return ("", [], []) }
        return (abilities.has(.frameNumber) == true ? "frameNumber=1" : "", [], [.frameNumber])
    }

    /// charset has one spelling in both protocols. Where UTF-8 would do, which is what an archive sends that is told
    /// nothing, it is a wish.
    private static func charset(_ names: [String], _ abilities: Abilities) -> Items {
        guard let list = CharsetList(names: names) else { return ("", [], []) }
        let named = list.names.filter { $0 != "*" }
        guard !named.isEmpty else { return ("", [], []) }
        let items = "charset=" + named.map { PercentCoding.encode($0, for: .queryItem) }.joined(separator: ",")
        if !list.allowsUTF8 { return (items, [.charset], []) }
        return (abilities.has(.charset) == true ? items : "", [], [.charset])
    }

    /// Why an archive that lacks these is not asked for a picture.
    package static func refusal(lacking: [Ability], type: ConnectionType) -> WADOError {
        let names = lacking.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
        let protocolName = type == .wadoURI ? "WADO-URI" : "WADO-RS"
        return WADOError(
            status: 501,
            message:
                "The \(protocolName) archive of this series is not known to honour \(names); another picture than the one "
                + "asked for is never sent. If it does, say so under abilities in its configuration.")
    }
}

extension RenderingParameters {
    /// The edge of a thumbnail for which the client names no size, in pixels.
    static let thumbnailEdge = 256

    /// What can be asked of a presentation state's own picture: a size, and what does not select pixels (PS3.18 §8.3.5.1.3).
    ///
    /// - Throws: 501 for a part of the image.
    fileprivate func toPresentationState() throws(WADOError) -> RenderingParameters {
        guard area?.isWhole ?? true else {
            throw WADOError(
                status: 501,
                message: "The parameter \"region\" cannot be combined with \"presentationUID\" for the archive of this "
                    + "image, whose presentation states are shown whole.")
        }
        var result = self
        result.presentation = nil
        return result
    }

    /// Makes a picture a thumbnail: of the client's size, else a small one where the archive is known to make such. Its
    /// shape is the image's, since there are archives that stretch a picture to both edges (PixelMed) or fill up what is
    /// left (Orthanc), and it is never larger than the image.
    ///
    /// - Returns: what would make it better.
    fileprivate mutating func shrink(for abilities: Abilities, _ facts: InstanceFacts?) -> Set<Ability> {
        annotation = []
        guard columns == nil, rows == nil else { return [] }
        guard abilities.has(.viewport) == true else { return [.viewport] }
        let edge = Self.thumbnailEdge
        let (width, height) = (max(1, facts?.columns ?? edge), max(1, facts?.rows ?? edge))
        let longest = max(width, height)
        let isSmall = longest <= edge
        columns = isSmall ? width : max(1, (width * edge + longest / 2) / longest)
        rows = isSmall ? height : max(1, (height * edge + longest / 2) / longest)
        return [.viewport]
    }
}

extension ObjectClass {
    /// The media type of a picture or text; nil for what is no rendering.
    package var pictureType: String? {
        switch self {
        case .rendered(_, _, let type), .thumbnail(_, _, let type): type
        default: nil
        }
    }

    /// The syntax word for what the archive holds (`transfer-syntax=*`).
    package static let stored = "stored"

    /// Explicit VR Little Endian, the default of every web representation (PS3.18 §8.7.3).
    package static let explicitLittleEndian = "1.2.840.10008.1.2.1"
}

extension HTTPURL {
    /// This URL with more query items behind those that it has.
    func merging(query items: String) -> HTTPURL {
        appending(path: "", query: query.map { $0.isEmpty ? items : "\($0)&\(items)" } ?? items)
    }
}
