// What the rewriters of an archive's metadata promise for any bytes.
import DICOM
import HTTP
import WADO

/// The archive that metadata comes from in these harnesses.
enum Backend {
    static let root = url("http://pacs:8042/dicom-web")
    static let gateway = url("http://gateway/dicom-web")
    static let instance = "http://pacs:8042/dicom-web/studies/1.2/series/1.3/instances/1.4"

    static func url(_ text: String) -> HTTPURL {
        guard let url = HTTPURL(text) else { fatalError("\(text) is no URL") }
        return url
    }
}

/// What became of one document.
struct Rewriting: Equatable {
    /// Nothing where the document was refused.
    var output: [UInt8] = []
    var error: RewriteError?
    var placeholders = 0

    var isMalformed: Bool {
        switch error {
        case .malformed, .truncated: true
        default: false
        }
    }

    static func json(_ pieces: [[UInt8]], instance: String? = "1.4", from base: HTTPURL = Backend.root) -> Rewriting {
        var rewriter = JSONMetadataRewriter(
            expecting: .init(study: UID(literal: "1.2"), series: nil, instance: instance.flatMap { UID($0) }),
            base: base, document: base.appending(path: "/studies/1.2/metadata"), token: token)
        return Rewriting(pieces) { piece throws(RewriteError) in
            try rewriter.feed(piece)
        } finish: { () throws(RewriteError) in
            try rewriter.finish()
        }
    }

    static func xml(_ pieces: [[UInt8]], from base: HTTPURL = Backend.root) -> Rewriting {
        var rewriter = XMLMetadataRewriter(
            expecting: .init(study: UID(literal: "1.2")), base: base,
            document: base.appending(path: "/studies/1.2/metadata"), token: token)
        return Rewriting(pieces) { piece throws(RewriteError) in
            try rewriter.feed(piece)
        } finish: { () throws(RewriteError) in
            try rewriter.finish()
        }
    }

    /// Links within the archive get a token, and others may not be followed.
    private static func token(_ url: HTTPURL, _: InstanceFacts) -> String? {
        url.host == "pacs" ? "bulkdata/~" + PercentCoding.encode(url.target, for: .segment) : nil
    }

    private init(
        _ pieces: [[UInt8]], feed: ([UInt8]) throws(RewriteError) -> [UInt8],
        finish: () throws(RewriteError) -> JSONMetadataRewriter.Summary
    ) {
        do throws(RewriteError) {
            for piece in pieces { output += try feed(piece) }
            placeholders = try finish().placeholders
        } catch {
            output = []
            self.error = error
        }
    }

    /// The document as a client gets it.
    var delivered: [UInt8] {
        let root = Array(Backend.gateway.description.utf8)
        return Array(output.map { $0 == baseURLPlaceholder ? root : [$0] }.joined())
    }

    /// Every placeholder was put there by us, and nothing grew without bound.
    func check(_ input: [UInt8]) {
        let found = output.count { $0 == baseURLPlaceholder }
        require(found == placeholders, "\(placeholders) placeholders are told, and \(found) are there")
        require(output.count <= 1024 + 256 * input.count, "\(input.count) bytes became \(output.count)")
    }
}

/// Rewriting does not depend on pieces, and what was rewritten once stays as it is.
func rewriteJSON(_ bytes: [UInt8]) {
    let once = sameForEverySplit(bytes) { Rewriting.json($0) }
    once.check(bytes)
    guard once.error == nil, !once.output.isEmpty, !once.output.contains(UInt8(ascii: "~")) else { return }
    let again = Rewriting.json([Array("[".utf8), once.delivered, Array("]".utf8)], from: Backend.gateway)
    require(again.error == nil, "what was rewritten is refused: \(again)")
    require(again.output == once.output, "rewritten again: \(again.output)\nrewritten once: \(once.output)")
}

/// As ``rewriteJSON(_:)``.
func rewriteXML(_ bytes: [UInt8]) {
    let once = sameForEverySplit(bytes) { pieces in
        var rewriting = Rewriting.xml(pieces)
        // Of several faults it is not told which one is found first.
        if rewriting.error != nil { rewriting.error = .truncated }
        return rewriting
    }
    once.check(bytes)
    guard once.error == nil, !once.output.contains(UInt8(ascii: "~")) else { return }
    let again = Rewriting.xml([once.delivered], from: Backend.gateway)
    require(again.error == nil, "what was rewritten is refused: \(again)")
    require(again.output == once.output, "rewritten again: \(again.output)\nrewritten once: \(once.output)")
}
