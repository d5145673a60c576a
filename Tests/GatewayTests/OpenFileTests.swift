import Glibc
import Testing

@testable import Gateway

@Suite struct OpenFileTests {
    /// Opening a FIFO waits for its writer, which would hold a worker for ever.
    @Test func aFIFOInTheFilesPlaceIsNoFile() throws {
        let path = "/tmp/wadogate-fifo-\(getpid())-\(UInt64.random(in: .min ... .max))"
        try #require(unsafe mkfifo(path, 0o600) == 0)
        defer { unsafe _ = unlink(path) }
        #expect(OpenFile(path: path) == nil)
    }
}
