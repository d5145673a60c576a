// Writing to standard output and standard error, unbuffered, so that whoever reads a pipe sees a line when it is written.
import Glibc

/// Standard output. A reader that has gone is nobody's problem here.
func say(_ text: String) { put(text, 1) }

/// Standard error.
func complain(_ text: String) { put(text, 2) }

private func put(_ text: String, _ descriptor: Int32) {
    let bytes = Array(text.utf8)
    var start = 0
    while start < bytes.count {
        let count = unsafe bytes.withUnsafeBytes { buffer in
            // `start` is within the buffer.
            unsafe write(descriptor, buffer.baseAddress! + start, buffer.count - start)
        }
        if count > 0 {
            start += count
        } else if errno != EINTR {
            return
        }
    }
}
