// One wrapper for system calls: EINTR is retried, everything else becomes a typed error. Knows no protocol.
import CLinux
import Glibc

/// A system call that failed.
package struct SystemError: Error, Equatable, CustomStringConvertible {
    /// The call's name, as in its manual page.
    package let call: String
    /// The value of `errno`.
    package let code: Int32

    package init(call: String, code: Int32) {
        self.call = call
        self.code = code
    }

    package var description: String {
        "\(call): \(unsafe String(cString: strerror(code))) (errno \(code))"
    }
}

/// Runs a call that answers −1 on failure, again after EINTR.
///
/// - Throws: ``SystemError`` with the value of `errno`, also for EAGAIN.
@discardableResult
package func system<Value: SignedInteger>(
    _ call: StaticString, _ body: () -> Value
) throws(SystemError) -> Value {
    while true {
        let value = body()
        if value != -1 { return value }
        let code = clinux_errno()
        if code != EINTR { throw SystemError(call: "\(call)", code: code) }
    }
}
