// Brings the URLs inside metadata under the gateway's own root. Must not know how the document is written.
internal import DICOM
internal import HTTP

/// Decides what becomes of one URL in a metadata document.
struct ReferenceRewriter {
    enum Kind { case bulkData, retrieve }

    /// The longest URL as it may stand in a document, in octets before any unescaping.
    static let sizeLimit = 64 << 10

    private let base: HTTPURL
    private let document: HTTPURL
    private let token: (HTTPURL, InstanceFacts) -> String?
    /// How the backend's URLs begin in their usual spelling.
    private let root: [UInt8]
    /// The instance of the data set at hand, and the paths of its study, its series and itself below a root.
    private var facts: InstanceFacts?
    private var studyPath: [UInt8] = []
    private var seriesPath: [UInt8] = []
    private var instancePath: [UInt8] = []

    init(base: HTTPURL, document: HTTPURL, token: @escaping (HTTPURL, InstanceFacts) -> String?) {
        self.base = base
        self.document = document
        self.token = token
        let path = base.path.hasSuffix("/") ? base.path.dropLast() : base.path[...]
        root = Array(base.origin.utf8) + Array(path.utf8)
    }

    /// What follows is about this instance.
    mutating func begin(_ facts: InstanceFacts) {
        self.facts = facts
        studyPath = Array("/studies/".utf8) + Array(facts.study.string.utf8)
        seriesPath = studyPath + Array("/series/".utf8) + Array(facts.series.string.utf8)
        instancePath = seriesPath + Array("/instances/".utf8) + Array(facts.instance.string.utf8)
    }

    /// The path below the gateway's root ("/studies/…"), safe in JSON and XML alike; nil when the URL may not be
    /// served at all.
    ///
    /// - Parameter text: the URL or relative reference as the document means it, in UTF-8.
    func path(for text: ArraySlice<UInt8>, kind: Kind) -> [UInt8]? {
        guard let facts else { return nil }
        if let path = usualPath(for: text, kind: kind) { return path }
        guard !text.isEmpty, let reference = String(validating: text, as: UTF8.self),
            let url = document.resolving(reference)
        else { return nil }
        if let own = ownPath(of: url, kind: kind, in: facts) { return Array(own.utf8) }
        guard let tail = token(url, facts), !tail.isEmpty, tail.utf8.allSatisfy(Self.isPlain) else { return nil }
        return instancePath + [UInt8(ascii: "/")] + Array(tail.utf8)
    }

    /// Metadata of many frames names thousands of URLs of one form, which need no closer look: the instance's own URL,
    /// then "/bulk" or "/bulkdata", then plain words. A RetrieveURL is mostly that of the instance, series or study.
    private func usualPath(for text: ArraySlice<UInt8>, kind: Kind) -> [UInt8]? {
        guard base.query == nil, text.starts(with: root) else { return nil }
        let path = text.dropFirst(root.count)
        switch kind {
        case .retrieve:
            return [instancePath, seriesPath, studyPath].first { path.elementsEqual($0) }
        case .bulkData:
            guard path.starts(with: instancePath) else { return nil }
            let tail = path.dropFirst(instancePath.count)
            return Self.isUsual(tail: tail) ? Array(path) : nil
        }
    }

    private static func isUsual(tail: ArraySlice<UInt8>) -> Bool {
        guard tail.starts(with: bulk) || tail.starts(with: bulkData), tail.last != UInt8(ascii: "/") else {
            return false
        }
        var previous: UInt8 = 0
        for byte in tail {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "_"): break
            case UInt8(ascii: "/") where previous != UInt8(ascii: "/"): break
            default: return false
            }
            previous = byte
        }
        return true
    }

    private static let bulk = Array("/bulk/".utf8)
    private static let bulkData = Array("/bulkdata/".utf8)

    /// The same path below our root, for a URL that our own front door would ask this backend for again.
    private func ownPath(of url: HTTPURL, kind: Kind, in facts: InstanceFacts) -> String? {
        guard url.query == nil, let below = base.pathBelow(url), let path = try? ResourcePath(below),
            path.study == facts.study
        else { return nil }
        // What looks like a token of ours is none of ours.
        if case .bulk(let tail) = path.resource, tail.contains("~") { return nil }
        switch kind {
        case .bulkData: return path.series == facts.series && path.instance == facts.instance ? path.path : nil
        case .retrieve: return path.path
        }
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        PercentCoding.isUnreserved(byte) || byte == UInt8(ascii: "/") || byte == UInt8(ascii: "%")
    }
}

extension ResourcePath {
    /// The path in its one spelling, below the service's root.
    package var path: String {
        var text = "/studies/\(study)"
        if let series { text += "/series/\(series)" }
        if let instance { text += "/instances/\(instance)" }
        func list(_ frames: [Int]) -> String { frames.map { String($0) }.joined(separator: ",") }
        switch resource {
        case .dataSets: return text
        case .metadata: return text + "/metadata"
        case .frames(let frames): return text + "/frames/" + list(frames)
        case .rendered(nil): return text + "/rendered"
        case .rendered(let frames?): return text + "/frames/\(list(frames))/rendered"
        case .thumbnail(nil): return text + "/thumbnail"
        case .thumbnail(let frame?): return text + "/frames/\(frame)/thumbnail"
        case .bulk(let tail): return text + "/" + tail
        case .pixelData: return text + "/pixeldata"
        case .bulkData: return text + "/bulkdata"
        }
    }
}
