// Writes a streamed JSON array whose items come from several sources: brackets and commas, and the head with the first item.
import HTTP
import HTTPServer

/// The array of a collection's metadata; bound to its request's loop.
struct JSONArraySink {
    private let contentType: String
    private let context: RequestContext
    private var hasBegun = false
    /// How the cache took part, as the first source tells.
    var outcome = CacheOutcome.bypass

    init(contentType: String, context: RequestContext) {
        self.contentType = contentType
        self.context = context
    }

    /// Call it before each piece: begins the answer, or separates the first piece of another source from what was there.
    mutating func separate(isNewSource: Bool) async throws(Problem) {
        if hasBegun {
            if isNewSource { try await context.write([UInt8(ascii: ",")]) }
            return
        }
        hasBegun = true
        let fields = context.fields(
            contentType: contentType, cacheControl: "private, no-cache", outcome: outcome, objectClass: "metadata")
        try await context.begin(ResponseHead(status: 200, fields: fields), length: nil)
        try await context.write([UInt8(ascii: "[")])
    }

    /// Ends the array.
    ///
    /// - Throws: ``Problem`` 404 when nothing came at all.
    func end() async throws(Problem) {
        if !hasBegun { throw .nothingThere }
        try await context.write([UInt8(ascii: "]")])
        try await context.finish()
    }
}
