// The grammar of both front doors: from a request's head to a RetrieveRequest. Pure; must not know whether what is asked for
// exists.
package import HTTP

/// The grammar of both front doors; pure.
package struct WADOGrammar: Sendable {
    private let root: String
    private let uriPath: String

    /// - Parameters:
    ///   - dicomWebRoot: the path of the WADO-RS service, "/dicom-web"; "" or "/" for the server's own root.
    ///   - wadoURIPath: the path of the WADO-URI service, "/wado".
    package init(dicomWebRoot: String, wadoURIPath: String) {
        root = dicomWebRoot.hasSuffix("/") ? String(dicomWebRoot.dropLast()) : dicomWebRoot
        uriPath = wadoURIPath.hasSuffix("/") ? String(wadoURIPath.dropLast()) : wadoURIPath
    }

    /// Nil when the path belongs to neither front door.
    ///
    /// - Throws: ``WADOError`` 400 naming the bad parameter or segment, 404 for an unknown resource, 405, 406 when nothing
    ///   acceptable can be made, 501 for what is not served yet.
    package func parse(_ head: RequestHead) throws(WADOError) -> RetrieveRequest? {
        let target = Substring(head.target)
        let mark = target.firstIndex(of: "?")
        let path = mark.map { target[..<$0] } ?? target
        let query = mark.map { target[target.index(after: $0)...] }
        if path == uriPath || path == uriPath + "/" {
            try Self.check(head.method)
            return try WADOURIQuery(
                try QueryItems(query), accept: head.fields.values("Accept"),
                acceptCharset: head.fields.values("Accept-Charset")
            ).request
        }
        guard let below = resourcePath(of: path) else { return nil }
        let resource = try ResourcePath(below)
        try Self.check(head.method)
        return try Self.request(for: resource, try QueryItems(query), head.fields)
    }

    /// What stands behind the WADO-RS root; nil when the path doesn't begin with it.
    private func resourcePath(of path: Substring) -> Substring? {
        guard path.utf8.starts(with: root.utf8) else { return nil }
        let below = path.dropFirst(root.count)
        guard below.isEmpty || below.hasPrefix("/") else { return nil }
        // Without a root of its own the service shares the server's paths with others.
        let first = below.dropFirst().prefix { $0 != "/" }
        return root.isEmpty && !["studies", "series", "instances"].contains(first) ? nil : below
    }

    private static func check(_ method: HTTPMethod) throws(WADOError) {
        guard method == .get || method == .head else {
            throw WADOError(
                status: 405, message: "This resource can only be retrieved: use GET or HEAD.", allow: "GET, HEAD")
        }
    }
}

// MARK: - WADO-RS

extension WADOGrammar {
    private static func request(
        for path: ResourcePath, _ query: QueryItems, _ fields: HTTPFields
    ) throws(WADOError) -> RetrieveRequest {
        var resource = path.resource
        var warnings: [String] = []
        var rendering = RenderingParameters()
        switch resource {
        case .rendered: rendering = try query.renderingParameters(warnings: &warnings)
        case .thumbnail: rendering = try query.thumbnailParameters()
        default: break
        }
        let charsets = try query.charsets()
        if resource == .metadata, let charsets, !charsets.allowsUTF8 {
            throw WADOError(
                status: 406, message: "The parameter \"charset\" must allow UTF-8: metadata is sent in nothing else.")
        }
        let negotiation = Negotiation(query: query.all("accept"), fields: fields.values("Accept"))
        guard let representation = negotiation.representation(of: resource) else {
            throw notAcceptable(resource, isInstance: path.instance != nil)
        }
        if resource == .dataSets, case .bulk = representation {
            resource = path.instance == nil ? .bulkData : .pixelData
        }
        if case .rendered(let types, _) = representation { try rendering.checkProfile(types: types) }
        if case .rendered = resource {
            rendering.charset = negotiation.charsets(query: charsets, fields: fields.values("Accept-Charset"))
        }
        return RetrieveRequest(
            frontDoor: .wadoRS, study: path.study, series: path.series, instance: path.instance, resource: resource,
            representation: representation, rendering: rendering, warnings: warnings)
    }

    private static func notAcceptable(_ resource: RetrieveRequest.Resource, isInstance: Bool) -> WADOError {
        let offers =
            switch resource {
            case .dataSets:
                "multipart/related; type=\"application/dicom\"" + (isInstance ? ", application/dicom" : "")
            case .metadata: "application/dicom+json, multipart/related; type=\"application/dicom+xml\""
            case .frames, .pixelData, .bulkData, .bulk:
                "multipart/related; type=\"application/octet-stream\", multipart/related; type=\"image/*\", "
                    + "application/octet-stream"
            case .rendered, .thumbnail: "image/jpeg, image/png, image/gif"
            }
        return WADOError(
            status: 406,
            message: "Nothing that the request accepts can be sent. This resource can be had as: \(offers).")
    }
}

extension Negotiation {
    fileprivate func representation(of resource: RetrieveRequest.Resource) -> Representation? {
        switch resource {
        case .dataSets: dataSets()
        case .metadata: metadata()
        case .frames, .pixelData: bulk(anyType: false)
        case .bulk, .bulkData: bulk(anyType: true)
        case .rendered, .thumbnail: rendered()
        }
    }
}

extension RenderingParameters {
    /// - Throws: 400 when a colour profile is asked for in types that can't hold one (PS3.18 §8.3.5.1.5).
    func checkProfile(types: [String]) throws(WADOError) {
        let withoutProfile = ["image/gif", "text/html", "text/plain", "text/xml", "text/rtf"]
        guard let iccProfile, iccProfile != "no", types.allSatisfy(withoutProfile.contains) else { return }
        throw .parameter("iccprofile", iccProfile, mustBe: "\"no\" for \(types.joined(separator: ", "))")
    }
}
