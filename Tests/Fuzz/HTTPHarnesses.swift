// What the readers of HTTP promise for any bytes.
import HTTP
import HTTPTestVectors
import WADO

/// The seeds that tests of the server are made of, too.
enum HTTPSeeds {
    static func heads() -> [(name: String, bytes: [UInt8])] {
        named(HostileRequest.heads.map { Array($0.bytes.prefix(1024)) })
    }

    /// Behind the head.
    static func chunks() -> [(name: String, bytes: [UInt8])] {
        named(
            HostileRequest.bodies.map { request in
                let head = request.bytes.indices.first { request.bytes[$0...].starts(with: "\r\n\r\n".utf8) } ?? 0
                return Array(request.bytes[head...].dropFirst(4).prefix(1024))
            })
    }

    private static func named(_ seeds: [[UInt8]]) -> [(name: String, bytes: [UInt8])] {
        seeds.enumerated().map { ("hostile-\($0)", $1) }
    }
}

/// What a reader made of a multipart body: adjoining pieces of a payload are joined.
private struct Parts: Equatable {
    var heads: [[HTTPFields.Line]] = []
    var payloads: [[UInt8]] = []
    var hasEnded = false
    var error: MultipartError?

    init(_ pieces: [[UInt8]], _ type: MediaType, limits: MultipartReader.Limits = .init()) {
        var reader = MultipartReader(contentType: type, limits: limits)
        do throws(MultipartError) {
            for piece in pieces { take(try reader.feed(piece)) }
            take(try reader.finish())
        } catch {
            // What came in the same piece as the fault is not given out.
            (heads, payloads, self.error) = ([], [], error)
        }
    }

    private mutating func take(_ events: [MultipartReader.Event]) {
        for event in events {
            require(!hasEnded, "\(event) behind the end")
            switch event {
            case .partBegan(let fields):
                heads.append(fields.all)
                payloads.append([])
            case .partBytes(let bytes):
                require(!bytes.isEmpty, "an empty piece of a payload")
                require(!payloads.isEmpty, "a payload without a part")
                payloads[payloads.count - 1] += bytes
            case .partEnded: break
            case .ended: hasEnded = true
            }
        }
    }
}

/// Parts do not depend on pieces, no byte is given out twice, and what was read can be written and read again.
func readMultipart(_ bytes: [UInt8]) {
    let type = MediaType("multipart/related", [("boundary", "AaB")])
    let parts = sameForEverySplit(bytes) { Parts($0, type) }
    var limits = MultipartReader.Limits()
    (limits.partHeadSize, limits.parts, limits.preambleSize) = (40, 3, 20)
    sameForEverySplit(bytes) { Parts($0, type, limits: limits) }
    let size = parts.payloads.reduce(0) { $0 + $1.count }
    require(size <= bytes.count, "payloads of \(size) bytes in \(bytes.count)")
    sameForEverySplit(bytes) { Parts($0, MediaType("application/dicom")) }
    guard parts.error == nil, let envelope = MultipartEnvelope(boundary: "0123456789abcdef-WADOGATE") else { return }
    var body: [UInt8] = []
    for (index, payload) in parts.payloads.enumerated() {
        body += envelope.opening(
            of: .init(mediaType: "application/dicom", length: Int64(payload.count)), isFirst: index == 0)
        body += payload
    }
    body += envelope.closing
    let again = Parts([body], MediaType("multipart/related", [("boundary", envelope.boundary)]))
    require(again.payloads == parts.payloads && again.error == nil, "written again they are \(again)")
}

/// One line is a request's target, the others are its Accept fields. Every choice is a sound one.
func negotiate(_ bytes: [UInt8]) {
    var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        .map { String(decoding: $0, as: UTF8.self) }
    let accept = Accept(Array(lines.dropFirst()))
    require(accept.entries.count <= 64, "\(accept.entries.count) entries")
    require(accept.entries.allSatisfy { (0...1000).contains($0.weight) }, "a weight out of bounds")
    require(zip(accept.entries, accept.entries.dropFirst()).allSatisfy { $0.weight >= $1.weight }, "not in order")
    for entry in accept.entries {
        require(
            MediaType(parsing: entry.range.description) == entry.range,
            "\(entry.range) reads as \(MediaType(parsing: entry.range.description)?.description ?? "nothing")")
    }
    let grammar = WADOGrammar(dicomWebRoot: "/dicom-web", wadoURIPath: "/wado")
    let instance = "/dicom-web/studies/1.2/series/1.3/instances/1.4"
    let targets = ["", "/frames/1", "/metadata", "/bulkdata/7FE00010", "/rendered", "/thumbnail"].map { instance + $0 }
    for target in targets + [lines.removeFirst()] {
        var head = RequestHead(method: .get, target: target)
        for line in lines { head.fields.append("Accept", line) }
        guard let request = try? grammar.parse(head) else { continue }
        require(request.isSound, "\(target) became \(request)")
    }
}

extension RetrieveRequest {
    fileprivate var isSound: Bool {
        switch representation {
        case .dataSets(let syntaxes, _): !syntaxes.isEmpty && Set(syntaxes).count == syntaxes.count
        case .bulk(let types, _): !types.isEmpty && Set(types).count == types.count
        case .rendered(let types, _): !types.isEmpty && Set(types).count == types.count
        case .json, .xml: true
        }
    }
}

/// What a parser made of the beginning of a connection's input.
private struct Head: Equatable {
    var request: HTTP1Request?
    var consumed = 0
    var error: HTTP1Error?

    /// The parser sees all that has arrived each time.
    init(_ pieces: [[UInt8]]) {
        var parser = HTTP1RequestParser()
        var input: [UInt8] = []
        do throws(HTTP1Error) {
            for piece in pieces {
                input += piece
                guard let found = try parser.parse(input.span) else { continue }
                (request, consumed) = (found.request, found.consumed)
                return
            }
        } catch {
            self.error = error
        }
    }
}

/// A head does not depend on pieces, and says the same when it is written again.
func parseHead(_ bytes: [UInt8]) {
    let found = sameForEverySplit(bytes) { Head($0) }
    guard let request = found.request else { return }
    require(found.consumed <= bytes.count, "a head of \(found.consumed) in \(bytes.count) bytes")
    var text = "\(request.head.method) \(request.head.target) HTTP/1.\(request.head.version - 10)\r\n"
    for line in request.head.fields.all { text += "\(line.name): \(line.value)\r\n" }
    let again = Head([Array("\(text)\r\n".utf8)]).request
    require(again?.head.fields.all == request.head.fields.all, "the fields of \(text) become others")
    require(
        again?.head.target == request.head.target && again?.body == request.body
            && again?.keepsAlive == request.keepsAlive, "\(text) becomes another request")
}

/// What a decoder made of a chunked body and what stands behind it.
private struct Chunks: Equatable {
    var body: [UInt8] = []
    var consumed = 0
    var isComplete = false
    var error: HTTP1Error?

    init(_ pieces: [[UInt8]]) {
        var decoder = HTTP1ChunkedDecoder()
        do throws(HTTP1Error) {
            for piece in pieces where !decoder.isComplete {
                let taken = try decoder.decode(piece.span, into: &body)
                require(taken == piece.count || decoder.isComplete, "bytes were left though the body goes on")
                consumed += taken
            }
            isComplete = decoder.isComplete
        } catch {
            (consumed, self.error) = (0, error)
        }
    }
}

/// A chunked body does not depend on pieces, and never has more bytes than arrived.
func decodeChunks(_ bytes: [UInt8]) {
    let found = sameForEverySplit(bytes) { Chunks($0) }
    require(found.body.count <= bytes.count, "\(found.body.count) bytes of body in \(bytes.count)")
    guard found.isComplete else { return }
    var written = found.body.isEmpty ? [] : HTTP1ResponseEncoder.chunkHead(Int64(found.body.count)) + found.body
    if !found.body.isEmpty { written += HTTP1ResponseEncoder.lineEnd }
    let again = Chunks([written + HTTP1ResponseEncoder.lastChunk])
    require(again.isComplete && again.body == found.body, "written again it is another body")
}
