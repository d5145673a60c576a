// zlib's raw deflate of bytes that are in memory anyway.
import CZlib

/// The bytes as a raw deflate stream (RFC 1951), as Deflated Explicit VR Little Endian has it.
///
/// - Throws: `tooLarge` when there is no memory, or more than 4 GiB to deflate.
func rawDeflate(_ bytes: [UInt8]) throws(DICOMError) -> [UInt8] {
    var stream = unsafe z_stream()
    // zlib keeps a pointer back to the stream, so all calls see it at one address.
    let output = unsafe withUnsafeMutablePointer(to: &stream) { unsafe deflateAll(bytes, $0) }
    guard let output else {
        throw DICOMError(kind: .tooLarge, offset: 0, detail: "no memory to deflate \(bytes.count) bytes")
    }
    return output
}

private func deflateAll(_ bytes: [UInt8], _ stream: UnsafeMutablePointer<z_stream>) -> [UInt8]? {
    guard let length = UInt32(exactly: bytes.count), unsafe czlib_deflate_init_raw(stream, 6) == Z_OK else {
        return nil
    }
    defer { unsafe deflateEnd(stream) }
    guard let bound = UInt32(exactly: unsafe deflateBound(stream, UInt(length))) else { return nil }
    var result = Z_OK
    let output = unsafe bytes.withUnsafeBufferPointer { input in
        unsafe [UInt8](unsafeUninitializedCapacity: Int(bound)) { space, count in
            // zlib reads through next_in and never writes; neither pointer is used outside of these closures.
            unsafe stream.pointee.next_in = unsafe UnsafeMutablePointer(mutating: input.baseAddress)
            unsafe stream.pointee.avail_in = length
            unsafe stream.pointee.next_out = space.baseAddress
            unsafe stream.pointee.avail_out = bound
            result = unsafe deflate(stream, Z_FINISH)
            count = Int(bound - (unsafe stream.pointee.avail_out))
        }
    }
    return result == Z_STREAM_END ? output : nil
}
