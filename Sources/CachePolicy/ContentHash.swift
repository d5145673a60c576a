// XXH3 as the cache uses it: a guard against decay and torn writes, not against forgery. Knows no file.
import CXXHash

/// Checksums of bytes (XXH3, as `xxhsum -H3` prints them).
package enum ContentHash {
    /// The 64-bit checksum of a block, a header or a trailer.
    package static func checksum(_ bytes: [UInt8]) -> UInt64 {
        // The buffer lives for the call, and its count is the array's own.
        unsafe bytes.withUnsafeBufferPointer { unsafe XXH3_64bits($0.baseAddress, $0.count) }
    }

    /// 128 bits as 32 lower-case hexadecimal digits.
    package static func name(_ bytes: [UInt8], seed: UInt64 = 0) -> String {
        // The buffer lives for the call, and its count is the array's own.
        let hash = unsafe bytes.withUnsafeBufferPointer {
            unsafe XXH3_128bits_withSeed($0.baseAddress, $0.count, seed)
        }
        return hexadecimal(hash.high64) + hexadecimal(hash.low64)
    }

    private static func hexadecimal(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

/// Computes the checksums of a body's blocks while the body arrives in pieces of any size.
@safe package struct BlockHasher: ~Copyable {
    private let state: OpaquePointer
    private let blockSize: Int
    private var bytesInBlock = 0
    /// The checksums of the blocks that are whole.
    package private(set) var checksums: [UInt64] = []

    /// - Parameter blockSize: bytes per block, at least 1.
    package init(blockSize: Int = Int(ObjectLayout.blockSize)) {
        precondition(blockSize > 0, "a block has at least one byte")
        guard let state = unsafe XXH3_createState() else { preconditionFailure("out of memory") }
        unsafe self.state = state
        self.blockSize = blockSize
        // The state was made above and is freed in deinit only.
        unsafe _ = XXH3_64bits_reset(state)
    }

    deinit {
        unsafe _ = XXH3_freeState(state)
    }

    /// Takes the next bytes of the body.
    package mutating func update(_ bytes: borrowing Span<UInt8>) {
        var offset = 0
        while offset < bytes.count {
            let count = min(blockSize - bytesInBlock, bytes.count - offset)
            let piece = bytes.extracting(offset..<(offset + count))
            // The state is this value's own; the buffer lives for the call.
            unsafe piece.withUnsafeBufferPointer { buffer in
                unsafe _ = XXH3_64bits_update(state, buffer.baseAddress, buffer.count)
            }
            offset += count
            bytesInBlock += count
            if bytesInBlock == blockSize { endBlock() }
        }
    }

    /// What ``finish()`` would answer if the body ended here.
    package var checksumsSoFar: [UInt64] {
        // The state is this value's own, and a digest leaves it as it is.
        bytesInBlock > 0 ? unsafe checksums + [XXH3_64bits_digest(state)] : checksums
    }

    /// Ends the last, shorter block. Answers the checksums of all; an empty body has none.
    package mutating func finish() -> [UInt64] {
        if bytesInBlock > 0 { endBlock() }
        return checksums
    }

    private mutating func endBlock() {
        unsafe checksums.append(XXH3_64bits_digest(state))
        unsafe _ = XXH3_64bits_reset(state)
        bytesInBlock = 0
    }
}
