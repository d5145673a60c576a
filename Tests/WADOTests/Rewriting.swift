import DICOM
import HTTP
import Testing
import WADO

/// What both rewriters are asked in these tests: a whole document in pieces, as one text or one error.
struct Rewriting: Equatable, CustomStringConvertible {
    /// The placeholder is shown as "@".
    var text = ""
    var error: RewriteError?
    var dataSets = 0
    var placeholders = 0
    var facts: InstanceFacts?

    var description: String { error.map { "\($0)" } ?? text }

    /// Cuts the document at these places; `bytes` is fed to a rewriter made by the caller.
    fileprivate mutating func run(
        _ bytes: [UInt8], pieces: [Int], feed: ([UInt8]) throws(RewriteError) -> [UInt8],
        finish: () throws(RewriteError) -> JSONMetadataRewriter.Summary
    ) {
        var output: [UInt8] = []
        var start = 0
        do throws(RewriteError) {
            for end in pieces + [bytes.count] {
                output += try feed(Array(bytes[start..<end]))
                start = end
            }
            let summary = try finish()
            dataSets = summary.dataSets
            placeholders = summary.placeholders
            facts = summary.facts
            text = String(decoding: output.map { $0 == baseURLPlaceholder ? UInt8(ascii: "@") : $0 }, as: UTF8.self)
            #expect(output.count(where: { $0 == baseURLPlaceholder }) == placeholders)
        } catch {
            self.error = error
        }
    }

    static func json(_ bytes: [UInt8], pieces: [Int] = [], instance: String? = "1.4") -> Rewriting {
        var result = Rewriting()
        guard let setting = Setting(instance: instance) else { return result }
        var rewriter = JSONMetadataRewriter(
            expecting: setting.expectation, base: setting.base, document: setting.document, token: setting.token)
        result.run(
            bytes, pieces: pieces, feed: { bytes throws(RewriteError) in try rewriter.feed(bytes) },
            finish: { () throws(RewriteError) in try rewriter.finish() })
        return result
    }
}

extension Rewriting {
    static func xml(_ bytes: [UInt8], pieces: [Int] = []) -> Rewriting {
        var result = Rewriting()
        guard let setting = Setting(instance: "1.4") else { return result }
        var rewriter = XMLMetadataRewriter(
            expecting: setting.expectation, base: setting.base, document: setting.document, token: setting.token)
        result.run(
            bytes, pieces: pieces, feed: { bytes throws(RewriteError) in try rewriter.feed(bytes) },
            finish: { () throws(RewriteError) in try rewriter.finish() })
        return result
    }
}

/// What a rewriter is told in these tests.
struct Setting {
    var expectation: JSONMetadataRewriter.Expectation
    var base: HTTPURL
    var document: HTTPURL
    /// Serves what lies on "pacs" or "cdn", and nothing else.
    let token: (HTTPURL, InstanceFacts) -> String? = { url, facts in
        guard ["pacs", "cdn"].contains(url.host) else { return nil }
        return "bulkdata/~" + PercentCoding.encode(url.host + url.target, for: .segment)
    }

    init?(instance: String?) {
        guard let study = UID("1.2"), let base = HTTPURL("http://pacs:8042/dicom-web"),
            let document = HTTPURL("http://pacs:8042/dicom-web/studies/1.2/series/1.3/instances/1.4/metadata")
        else { return nil }
        expectation = .init(study: study, series: UID("1.3"), instance: instance.flatMap { UID($0) })
        self.base = base
        self.document = document
    }
}
