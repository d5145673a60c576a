import HTTP
import Testing

/// What a reader made of a whole body, with adjoining pieces of a payload joined.
private struct Reading: Equatable, CustomStringConvertible {
    var parts: [String] = []
    var hasEnded = false
    var error: MultipartError?

    init(_ body: [UInt8], _ contentType: String, limits: MultipartReader.Limits = .init(), pieces: [Int]) {
        guard let type = MediaType(parsing: contentType) else { return }
        var reader = MultipartReader(contentType: type, limits: limits)
        var start = 0
        do throws(MultipartError) {
            for end in pieces + [body.count] {
                take(try reader.feed(Array(body[start..<end])))
                start = end
            }
            take(try reader.finish())
        } catch {
            self.error = error
        }
    }

    private mutating func take(_ events: [MultipartReader.Event]) {
        for event in events {
            switch event {
            case .partBegan(let fields):
                parts.append(fields.all.map { "\($0.name)=\($0.value)" }.joined(separator: ",") + "|")
            case .partBytes(let bytes):
                #expect(!bytes.isEmpty)
                parts[parts.count - 1] += String(decoding: bytes, as: UTF8.self)
            case .partEnded: parts[parts.count - 1] += "|"
            case .ended: hasEnded = true
            }
        }
    }

    var description: String { "\(parts) ended: \(hasEnded) error: \(error.map { "\($0)" } ?? "none")" }
}

private let typed = "multipart/related; type=\"application/dicom\"; boundary=AaB"

@Suite struct MultipartReaderTests {
    /// Body → the parts as "fields|payload|".
    static let bodies: [(String, [String])] = [
        ("--AaB\r\nContent-Type: a/b\r\n\r\nhello\r\n--AaB--\r\n", ["Content-Type=a/b|hello|"]),
        ("\r\n--AaB\r\nContent-Type: a/b\r\n\r\nhello\r\n--AaB--", ["Content-Type=a/b|hello|"]),
        ("pre\r\namble --AaB\r\n--AaB\r\n\r\nx\r\n--AaB--epilogue\r\n--AaB\r\n\r\ny", ["|x|"]),
        ("--AaB\r\nA: 1\r\n\r\nx\r\n--AaB\r\nA: 2\r\n\r\ny\r\n--AaB--", ["A=1|x|", "A=2|y|"]),
        ("--AaB \t\r\n\r\nx\r\n--AaB  \r\n\r\ny\r\n--AaB--", ["|x|", "|y|"]),
        // Without a payload, with and without the line break that a payload would have before its delimiter.
        ("--AaB\r\nA: 1\r\n\r\n\r\n--AaB--", ["A=1||"]),
        ("--AaB\r\nA: 1\r\n\r\n--AaB--", ["A=1||"]),
        ("--AaB\r\nContent-Length: 0\r\n\r\n--AaB\r\n\r\n--AaB--", ["Content-Length=0||", "||"]),
        ("--AaB--\r\n", []),
        ("--AaB\nA: 1\r\n\r\nx\r\n--AaB--", []),
        // Look-alikes.
        (
            "--AaB\r\n\r\n\r\n--Aa\r\n--AaBC\r\n-- AaB\n--AaB\r--AaB\r\n--AaB-\r\n--AaB--",
            ["|\r\n--Aa\r\n--AaBC\r\n-- AaB\n--AaB\r--AaB\r\n--AaB-|"]
        ),
        ("--AaB\r\n\r\n\r\r\n\r\n\r\n--AaB--", ["|\r\r\n\r\n|"]),
        ("--AaB\r\n\r\n--AaBx\r\n--AaB--", ["|--AaBx|"]),
        // A right Content-Length hides delimiters; a wrong one counts for nothing.
        (
            "--AaB\r\nContent-Length: 22\r\n\r\na\r\n--AaB\r\n\r\nb\r\n--AaB--\r\n--AaB--",
            ["Content-Length=22|a\r\n--AaB\r\n\r\nb\r\n--AaB--|"]
        ),
        ("--AaB\r\nContent-Length: 7\r\n\r\n--AaB\r\n\r\n--AaB--", ["Content-Length=7|--AaB\r\n|"]),
        ("--AaB\r\nContent-Length: 2\r\n\r\nhello\r\n--AaB--", ["Content-Length=2|hello|"]),
        ("--AaB\r\nContent-Length: 7\r\n\r\nhello\r\n--AaB--", ["Content-Length=7|hello|"]),
        ("--AaB\r\nContent-Length: 99\r\n\r\nhello\r\n--AaB\r\n\r\nx\r\n--AaB--", ["Content-Length=99|hello|", "|x|"]),
        (
            "--AaB\r\nContent-Length: 999999999999999999\r\n\r\nhello\r\n--AaB--",
            ["Content-Length=999999999999999999|hello|"]
        ),
        ("--AaB\r\nContent-Length: -5\r\n\r\nhello\r\n--AaB--", ["Content-Length=-5|hello|"]),
        (
            "--AaB\r\nContent-Length: 5\r\n\r\nhello\r\n--AaB\r\nContent-Length: 50\r\n\r\nx\r\n--AaB--",
            ["Content-Length=5|hello|", "Content-Length=50|x|"]
        ),
        // Heads written by hand.
        ("--AaB\r\nA: 1\nB:2\n\nx\r\n--AaB--", ["A=1,B=2|x|"]),
        ("--AaB\r\nA: 1\r\n  more\r\nno colon\r\nB : 2\r\n\r\nx\r\n--AaB--", ["A=1 more,B=2|x|"]),
    ]

    @Test(arguments: bodies)
    func reads(body: String, parts: [String]) {
        let bytes = Array(body.utf8)
        let whole = Reading(bytes, typed, pieces: [])
        #expect(whole.parts == parts)
        #expect(whole.hasEnded)
        #expect(whole.error == nil)
        for cut in 0...bytes.count {
            #expect(Reading(bytes, typed, pieces: [cut]) == whole, "cut at \(cut)")
        }
        #expect(Reading(bytes, typed, pieces: Array(0..<bytes.count)) == whole, "byte by byte")
    }

    @Test(arguments: [
        "--AaB\r\nContent-Type: a/b\r\n\r\nhello\r\n--AaB--", "--AaB\r\nA: 1\r\n\r\nx\r\n--AaB\r\n\r\n--AaB--",
        "--AaB\r\nContent-Length: 5\r\n\r\nhello\r\n--AaB--", "--AaB\r\nContent-Length: 50\r\n\r\nhello\r\n--AaB--",
    ])
    func everyShorterBodyIsTruncated(body: String) {
        let bytes = Array(body.utf8)
        for length in 0..<bytes.count {
            #expect(Reading(Array(bytes[..<length]), typed, pieces: []).error == .truncated, "\(length) octets")
        }
        #expect(Reading(bytes, typed, pieces: []).error == nil)
    }

    @Test(arguments: [
        "multipart/related; boundary=\"AaB\"", "multipart/related; boundary='AaB'", "Multipart/Related;BOUNDARY = AaB",
        "multipart/form-data; boundary=AaB; type=x/y",
    ])
    func readsBoundaryHoweverItIsQuoted(contentType: String) {
        let body = Array("--AaB\r\n\r\nx\r\n--AaB--".utf8)
        #expect(Reading(body, contentType, pieces: []).parts == ["|x|"])
    }

    @Test(arguments: [
        (
            "multipart/related; type=\"application/dicom\"; transfer-syntax=1.2",
            "application/dicom; transfer-syntax=1.2"
        ),
        ("multipart/related; type=\"image/jpeg; transfer-syntax=1.2\"", "image/jpeg; transfer-syntax=1.2"),
        ("multipart/related; boundary=\"\"", "application/octet-stream"),
        ("application/dicom; boundary=AaB", "application/dicom; boundary=AaB"),
        ("image/png", "image/png"),
    ])
    func bodyWithoutBoundaryIsOnePart(contentType: String, partType: String) {
        let body = Array("--AaB\r\n\r\nx".utf8)
        for pieces in [[], [1], Array(0..<body.count)] {
            let reading = Reading(body, contentType, pieces: pieces)
            #expect(reading.parts == ["Content-Type=\(partType)|--AaB\r\n\r\nx|"])
            #expect(reading.hasEnded)
        }
        #expect(Reading([], contentType, pieces: []).parts == ["Content-Type=\(partType)||"])
    }

    @Test func aPreambleAtItsBoundIsReadInPiecesToo() {
        var limits = MultipartReader.Limits()
        limits.preambleSize = 100
        let blanks = String(repeating: " ", count: 120)
        let body = Array("\(String(repeating: "x", count: 98))\r\n--AaB\(blanks)\r\n\r\ny\r\n--AaB--".utf8)
        for pieces in [[], Array(0..<body.count)] {
            #expect(Reading(body, typed, limits: limits, pieces: pieces).parts == ["|y|"])
        }
    }

    @Test func boundsHeadsPreamblesAndParts() {
        var limits = MultipartReader.Limits()
        limits.partHeadSize = 100
        limits.preambleSize = 100
        limits.parts = 2
        func error(_ body: String, drip: Bool) -> MultipartError? {
            let bytes = Array(body.utf8)
            return Reading(bytes, typed, limits: limits, pieces: drip ? Array(0..<bytes.count) : []).error
        }
        for drip in [false, true] {
            let long = String(repeating: "x", count: 200)
            #expect(error("--AaB\r\nA: \(long)\r\n\r\nx\r\n--AaB--", drip: drip) == .headTooLarge)
            #expect(error("\(long)\r\n--AaB\r\n\r\nx\r\n--AaB--", drip: drip) != nil)
            #expect(error("--AaB\r\n\r\n\r\n--AaB\r\n\r\n\r\n--AaB\r\n\r\n\r\n--AaB--", drip: drip) == .tooManyParts)
            #expect(error(String(long.prefix(90)) + "\r\n--AaB\r\n\r\nx\r\n--AaB--", drip: drip) == nil)
        }
    }

    @Test func holdsBackABoundedAmountWhenLengthAndDelimiterDisagree() {
        var limits = MultipartReader.Limits()
        limits.doubtfulSize = 1000
        let head = "--AaB\r\nContent-Length: 100000\r\n\r\nx\r\n--AaB\r\n\r\n"
        let body = Array(head.utf8) + [UInt8](repeating: 7, count: 5000)
        let pieces = Array(stride(from: 0, to: body.count, by: 100))
        guard case .malformed = Reading(body, typed, limits: limits, pieces: pieces).error else {
            Issue.record("a part with two ends must not be read")
            return
        }
    }

    @Test func refusesABoundaryBeyondReason() {
        let type = "multipart/related; boundary=" + String(repeating: "b", count: 300)
        #expect(Reading([45], type, pieces: []).error == .malformed("The boundary has 300 octets."))
    }

    @Test func failedReaderStaysFailed() throws {
        let type = try #require(MediaType(parsing: typed))
        var limits = MultipartReader.Limits()
        limits.partHeadSize = 4
        var reader = MultipartReader(contentType: type, limits: limits)
        #expect(throws: MultipartError.headTooLarge) { try reader.feed(Array("--AaB\r\nabcdefgh".utf8)) }
        #expect(throws: MultipartError.headTooLarge) { try reader.feed([1]) }
        #expect(throws: MultipartError.headTooLarge) { try reader.finish() }
    }

    @Test func passesLargePiecesThrough() throws {
        let type = try #require(MediaType(parsing: typed))
        var reader = MultipartReader(contentType: type)
        _ = try reader.feed(Array("--AaB\r\nContent-Length: 400000\r\n\r\n".utf8))
        for _ in 0..<4 {
            #expect(
                try reader.feed([UInt8](repeating: 9, count: 100_000)) == [
                    .partBytes([UInt8](repeating: 9, count: 100_000))
                ])
        }
        #expect(try reader.feed(Array("\r\n--AaB--".utf8)) == [.partEnded, .ended])
    }

    @Test func payloadsOfRandomOctetsComeBackWhole() {
        var generator = Seeded(state: 11)
        for round in 0..<200 {
            let alphabet = Array("\r\n--AaB".utf8)
            var body: [UInt8] = []
            var expected: [String] = []
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let count = Int.random(in: 0...60, using: &generator)
                let payload = (0..<count).map { _ in alphabet.randomElement(using: &generator) ?? 0 }
                body += Array("\(body.isEmpty ? "" : "\r\n")--AaB\r\nContent-Length: \(count)\r\n\r\n".utf8) + payload
                expected.append("Content-Length=\(count)|\(String(decoding: payload, as: UTF8.self))|")
            }
            body += Array("\r\n--AaB--\r\n".utf8)
            let cuts = (0..<3).map { _ in Int.random(in: 0...body.count, using: &generator) }.sorted()
            #expect(Reading(body, typed, pieces: cuts).parts == expected, "round \(round)")
        }
    }

    @Test func mutatedBodiesNeverTrap() {
        var generator = Seeded(state: 5)
        for _ in 0..<3000 {
            var body = Array(Self.bodies.randomElement(using: &generator).map { $0.0 }.map { Array($0.utf8) } ?? [])
            for _ in 0..<Int.random(in: 1...6, using: &generator) where !body.isEmpty {
                let place = Int.random(in: 0..<body.count, using: &generator)
                switch Int.random(in: 0..<3, using: &generator) {
                case 0: body[place] = UInt8.random(in: 0...255, using: &generator)
                case 1: body.remove(at: place)
                default:
                    body.insert(
                        contentsOf: Array("\r\n--AaB".utf8).prefix(Int.random(in: 1...7, using: &generator)), at: place)
                }
            }
            let whole = Reading(body, typed, pieces: [])
            #expect(Reading(body, typed, pieces: Array(0..<body.count)) == whole)
        }
    }

    @Test func throughputIsPrinted() throws {
        let type = try #require(MediaType(parsing: "multipart/related; boundary=0123456789abcdef0123456789abcdef"))
        var generator = Seeded(state: 3)
        let piece = (0..<65_536).map { _ in UInt8.random(in: 0...255, using: &generator) }
        var reader = MultipartReader(contentType: type)
        _ = try reader.feed(Array("--0123456789abcdef0123456789abcdef\r\n\r\n".utf8))
        let clock = ContinuousClock()
        let time = try clock.measure {
            for _ in 0..<320 { _ = try reader.feed(piece) }
        }
        print("multipart: 20 MiB in \(time)")
    }
}

@Suite struct MultipartEnvelopeTests {
    @Test func writesWhatViewersExpect() throws {
        let envelope = try #require(MultipartEnvelope(boundary: "b0"))
        let part = MultipartEnvelope.Part(
            mediaType: "image/jpeg", transferSyntax: "1.2.840.10008.1.2.4.50", length: 2, location: "http://h/studies/1"
        )
        #expect(
            String(decoding: envelope.opening(of: part, isFirst: true), as: UTF8.self)
                == "--b0\r\nContent-Type: image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.50\r\nContent-Length: 2\r\n"
                + "Content-Location: http://h/studies/1\r\n\r\n")
        #expect(
            String(decoding: envelope.opening(of: .init(mediaType: "a/b"), isFirst: false), as: UTF8.self)
                == "\r\n--b0\r\nContent-Type: a/b\r\n\r\n")
        #expect(String(decoding: envelope.closing, as: UTF8.self) == "\r\n--b0--\r\n")
        #expect(
            envelope.contentType(rootType: "application/dicom", transferSyntax: "*")
                == "multipart/related; type=\"application/dicom\"; transfer-syntax=*; boundary=b0")
    }

    @Test func readsItsOwnWriting() throws {
        let envelope = try #require(MultipartEnvelope(boundary: "x.y_z-1"))
        let parts = (1...3).map { MultipartEnvelope.Part(mediaType: "a/b", length: Int64($0)) }
        var body: [UInt8] = []
        for (index, part) in parts.enumerated() {
            body += envelope.opening(of: part, isFirst: index == 0) + [UInt8](repeating: 65, count: index + 1)
        }
        body += envelope.closing
        #expect(envelope.length(of: parts) == Int64(body.count))
        let reading = Reading(body, envelope.contentType(rootType: "a/b"), pieces: [])
        #expect(reading.parts.map { $0.filter { $0 == "A" }.count } == [1, 2, 3])
        #expect(envelope.length(of: [MultipartEnvelope.Part(mediaType: "a/b")]) == nil)
    }

    @Test(arguments: ["", "a b", "a\r\nb", "a\"", String(repeating: "x", count: 71)])
    func refusesBoundaries(boundary: String) {
        #expect(MultipartEnvelope(boundary: boundary) == nil)
    }

    @Test func valuesBeginNoLines() throws {
        let envelope = try #require(MultipartEnvelope(boundary: "b0"))
        let head = envelope.opening(of: .init(mediaType: "a/b\r\nX: y", location: "l\r\n\r\nz"), isFirst: true)
        #expect(
            String(decoding: head, as: UTF8.self) == "--b0\r\nContent-Type: a/bX: y\r\nContent-Location: lz\r\n\r\n")
    }
}
