import EventLoop
import Glibc
import Testing

@testable import StudyDirectory

@Suite struct FolderScanTests {
    @Test(arguments: [true, false]) func whatIsNoRegularFileIsNotRead(hasWriter: Bool) throws {
        let folder = try TemporaryFolder()
        let path = "\(folder.path)/fifo"
        try #require(unsafe mkfifo(path, 0o600) == 0)
        let writer = hasWriter ? unsafe open(path, O_RDWR | O_CLOEXEC) : -1
        defer { if writer >= 0 { close(writer) } }
        #expect(throws: SystemError.self) {
            try FolderScan.read(path) { (_) throws(SystemError) in true }
        }
    }
}
