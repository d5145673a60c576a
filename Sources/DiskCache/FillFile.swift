// The file of one fill, and what a test may let go wrong with it.
import CLinux
import EventLoop
import Glibc

/// A file that is being filled; named only where unnamed files are not to be had.
struct FillFile: Sendable {
    let descriptor: Descriptor
    let name: FileName?
    let fault: FillFileFault?
    /// What of its space is reserved and not written yet.
    var reservation: Reservation?

    /// Reserves space without changing the file's size.
    func reserve(_ size: Int64) throws(SystemError) {
        try fault.strike(.reserve)
        try system("fallocate") { clinux_reserve(descriptor.number, 0, off_t(size)) }
    }

    func write(_ bytes: [UInt8], at offset: Int64) throws(SystemError) {
        try fault.strike(.write(upTo: offset + Int64(bytes.count)))
        try descriptor.write(bytes, at: offset)
    }

    func synchronize() throws(SystemError) {
        try fault.strike(.synchronize)
        try descriptor.synchronize()
    }
}

/// What is done to a fill's file.
enum FillFileCall: Hashable, Sendable {
    case make, reserve, synchronize
    case write(upTo: Int64)
}

/// Answers the error that a call shall end with, if any.
typealias FillFileFault = @Sendable (FillFileCall) -> Int32?

extension FillFileFault? {
    func strike(_ call: FillFileCall) throws(SystemError) {
        if let code = self?(call) { throw SystemError(call: "\(call)", code: code) }
    }
}
