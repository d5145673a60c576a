// zlib's raw inflate, fed piece by piece. Bounds are the caller's.
import CZlib

/// Inflates a raw deflate stream (RFC 1951) without header or trailer, as Deflated Explicit VR Little Endian has it.
///
/// A value: a copy inflates on by itself.
struct RawInflate: @unchecked Sendable {  // The state is copied before it is changed if anybody else holds it.
    enum Progress {
        /// The input is consumed, and its output given out.
        case needsInput
        case output
        case ended
    }

    /// Bytes of output by which it goes on, at most.
    static let chunkLength = 16 << 10

    private var state: State

    /// - Throws: `tooLarge` when there is no memory.
    init() throws(DICOMError) {
        state = try State()
    }

    /// Inflates from `cursor` on into `output`, which it overwrites.
    ///
    /// - Throws: `malformed` when the bytes are no deflate stream; `offset` is that of `bytes[0]` in the file.
    mutating func next(
        in bytes: [UInt8], at cursor: inout Int, offset: Int, into output: inout [UInt8]
    ) throws(DICOMError) -> Progress {
        if !isKnownUniquelyReferenced(&state) { state = try State(copying: state) }
        let stream = unsafe state.stream
        var result = Z_OK
        unsafe bytes.withUnsafeBufferPointer { input in
            let rest = min(input.count - cursor, Int(UInt32.max))
            // zlib reads through next_in and never writes; the pointer is not used outside of this closure.
            let next = unsafe input.baseAddress.map { unsafe $0 + cursor }
            unsafe stream.pointee.next_in = unsafe UnsafeMutablePointer(mutating: next)
            unsafe stream.pointee.avail_in = UInt32(rest)
            output = unsafe [UInt8](unsafeUninitializedCapacity: RawInflate.chunkLength) { space, count in
                unsafe stream.pointee.next_out = space.baseAddress
                unsafe stream.pointee.avail_out = UInt32(RawInflate.chunkLength)
                result = unsafe inflate(stream, Z_NO_FLUSH)
                count = RawInflate.chunkLength - Int(unsafe stream.pointee.avail_out)
            }
            cursor += rest - Int(unsafe stream.pointee.avail_in)
        }
        switch result {
        case Z_STREAM_END: return .ended
        case Z_OK, Z_BUF_ERROR: return output.isEmpty ? .needsInput : .output
        // What was inflated before the fault is given out first, or it would depend on the pieces whether it is read.
        case Z_DATA_ERROR where !output.isEmpty: return .output
        default:
            throw DICOMError(kind: .malformed, offset: offset + cursor, detail: "the deflated data set is corrupt")
        }
    }

    /// Owns the z_stream at a fixed address, since zlib keeps a pointer back to it.
    @safe private final class State {  // The pointer never leaves this file.
        let stream: UnsafeMutablePointer<z_stream>

        private init(_ initialise: (UnsafeMutablePointer<z_stream>) -> Int32) throws(DICOMError) {
            unsafe stream = .allocate(capacity: 1)
            unsafe stream.initialize(to: z_stream())
            guard unsafe initialise(stream) == Z_OK else {
                // zlib sets nothing up when it fails, so inflateEnd in deinit does nothing.
                throw DICOMError(kind: .tooLarge, offset: 0, detail: "no memory to inflate")
            }
        }

        convenience init() throws(DICOMError) {
            try unsafe self.init { unsafe czlib_inflate_init_raw($0) }
        }

        convenience init(copying other: State) throws(DICOMError) {
            try unsafe self.init { unsafe inflateCopy($0, other.stream) }
        }

        deinit {
            unsafe inflateEnd(stream)
            unsafe stream.deinitialize(count: 1)
            unsafe stream.deallocate()
        }
    }
}
