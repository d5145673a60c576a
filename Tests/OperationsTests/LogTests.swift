import DICOM
import Foundation
import Gateway
import Operations
import Testing

/// Log lines: what stands in them, how they are escaped, and that nobody waits for their reader.
@Suite struct LogTests {
    /// What a log wrote into a pipe.
    private func lines(_ settings: LogSettings, _ body: (Log) -> Void) async throws -> [String] {
        let pipe = Pipe()
        let log = Log(settings, descriptor: pipe.fileHandleForWriting.fileDescriptor)
        body(log)
        await log.flush()
        try pipe.fileHandleForWriting.close()
        let data = try #require(try pipe.fileHandleForReading.readToEnd())
        return String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    private var entry: RequestLogEntry {
        var entry = RequestLogEntry()
        entry.requestID = "r1"
        entry.peer = "127.0.0.1"
        entry.method = "GET"
        entry.status = 200
        entry.study = UID("1.2")
        entry.cache = .hit
        entry.bytes = 7
        entry.duration = .microseconds(1_234_567)
        return entry
    }

    @Test func aRequestIsOneJSONObject() async throws {
        let line = try #require(try await lines(LogSettings(format: .json)) { $0.write(entry) }.first)
        let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        #expect(object["message"] as? String == "request")
        #expect(object["level"] as? String == "info")
        #expect(object["study"] as? String == "1.2")
        #expect(object["bytes"] as? Int == 7)
        #expect(object["duration_ms"] as? Double == 1234.567)
        #expect(object["series"] == nil && object["backend"] == nil)
    }

    @Test func aRequestIsOneLineOfText() async throws {
        let line = try #require(try await lines(LogSettings(format: .text)) { $0.write(entry) }.first)
        #expect(
            line.hasSuffix(
                "Z info request request_id=r1 peer=127.0.0.1 method=GET route=(unknown) status=200 study=1.2 cache=hit "
                    + "bytes=7 duration_ms=1234.567"))
    }

    @Test(arguments: [
        ("a\nb", #""a\nb""#), ("say \"x\"", #""say \"x\"""#), ("\u{1B}[31m", #""\u001b[31m""#),
        ("\u{202E}x", #""\u202ex""#),
        ("plain", "plain"), ("", #""""#), ("a=b", #""a=b""#), ("é", "é"), ("\u{85}", #""\u0085""#),
        ("a\\b", #""a\\b""#),
    ])
    func noTextCanForgeALine(text: String, written: String) async throws {
        let line = try #require(
            try await lines(LogSettings(format: .text)) { $0.write(.info, "m", [("f", .text(text))]) }.first)
        #expect(line.hasSuffix(" m f=\(written)"), "\(line)")
    }

    @Test func lesserLevelsAreLeftOut() async throws {
        var failed = entry
        failed.status = 502
        let written = try await lines(LogSettings(format: .text, level: .warning)) { log in
            log.write(.debug, "a")
            log.write(.info, "b")
            log.write(entry)
            log.write(failed)
            log.write(.error, "c")
        }
        #expect(written.count == 2 && written[0].contains("status=502") && written[1].contains("error c"))
    }

    @Test func aReaderWhoDoesNotReadStopsNobody() async throws {
        let pipe = Pipe()
        let log = Log(LogSettings(format: .text), descriptor: pipe.fileHandleForWriting.fileDescriptor, capacity: 4096)
        // A pipe holds 64 KiB and the buffer 4: most of these find no room, and none of them waits.
        for number in 0..<10_000 { log.write(.info, "line", [("number", .integer(Int64(number)))]) }
        async let text = everything(in: pipe.fileHandleForReading)
        await log.flush()
        try pipe.fileHandleForWriting.close()
        let dropped = await text.split(separator: "\n").compactMap { line in
            line.contains("log lines were dropped") ? line.split(separator: "lines=").last.flatMap { Int($0) } : nil
        }
        #expect(!dropped.isEmpty)
        let written = await text.split(separator: "\n").count - dropped.count
        #expect(written + dropped.reduce(0, +) == 10_000)
    }

    /// Read by a thread of its own, since it waits.
    private func everything(in handle: FileHandle) async -> String {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                let data = try? handle.readToEnd()
                continuation.resume(returning: String(decoding: data ?? Data(), as: UTF8.self))
            }
        }
    }

    @Test(arguments: [
        (Int64(0), "1970-01-01T00:00:00.000Z"), (1_795_525_200_123, "2026-11-24T13:00:00.123Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"), (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
    ])
    func timesAreWrittenAsRFC3339(milliseconds: Int64, text: String) {
        #expect(Timestamp(milliseconds: milliseconds).description == text)
    }
}
