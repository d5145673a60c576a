// The kinds of requests as logs and metrics name them: a fixed number of words, without identifiers.
package import WADO

/// The kind of a request.
package struct RequestRoute: Hashable, Sendable {
    /// Its place in ``words``.
    package let index: Int

    package var word: String { Self.words[index] }

    /// Every word that a route can be.
    package static let words =
        ["(unknown)", "(refused)", "wado-uri instance", "wado-uri rendered"]
        + levels.flatMap { level in kinds.map { level + $0 } }

    private static let levels = ["study", "series", "instance"]
    private static let kinds = [
        "", "/metadata", "/frames", "/rendered", "/frames/rendered", "/thumbnail", "/bulk", "/pixeldata", "/bulkdata",
    ]

    private init(_ index: Int) { self.index = index }

    /// No resource of the gateway.
    package static let unknown = RequestRoute(0)
    /// What was not understood, or is malformed.
    package static let refused = RequestRoute(1)

    package init(_ request: RetrieveRequest) {
        if request.frontDoor == .wadoURI {
            if case .rendered = request.resource { index = 3 } else { index = 2 }
            return
        }
        let level = request.instance != nil ? 2 : request.series != nil ? 1 : 0
        let kind =
            switch request.resource {
            case .dataSets: 0
            case .metadata: 1
            case .frames: 2
            case .rendered(nil): 3
            case .rendered: 4
            case .thumbnail: 5
            case .bulk: 6
            case .pixelData: 7
            case .bulkData: 8
            }
        index = 4 + level * Self.kinds.count + kind
    }
}
