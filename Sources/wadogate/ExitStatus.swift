// What the process tells who started it.

/// The exit codes of every command.
package enum ExitStatus: Int32, Sendable {
    case success = 0
    /// What was asked for could not be done, or came out otherwise than it should.
    case failure = 1
    /// The command line was not understood.
    case usage = 2
    /// The configuration is wrong (EX_CONFIG of sysexits.h).
    case configuration = 78
}
