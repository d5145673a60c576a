// What the process tells who started it.

/// The exit codes of every command.
package enum ExitStatus: Int32, Sendable {
    case success = 0
    /// What was asked for could not be done, or came out otherwise than it should.
    case failure = 1
    /// The command line was not understood.
    case usage = 2
    /// The running gateway could not be reached.
    case unreachable = 3
    /// The configuration is wrong (EX_CONFIG of sysexits.h).
    case configuration = 78
    /// Ended by Ctrl-C, in good order (128 and SIGINT, as shells count).
    case interrupted = 130
}
