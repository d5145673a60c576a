// Reads a chunked body. Pure: bytes in, body bytes out. Extensions and trailers are checked, bounded and dropped.

/// Decodes one chunked body however it is split.
///
/// Spec: RFC 9112 §7.1.
package struct HTTP1ChunkedDecoder: Sendable {
    private enum State {
        /// In a chunk's size; its value and digits so far.
        case size(value: Int, digits: Int)
        /// Behind the size, in what a semicolon began.
        case parameters(size: Int)
        /// A CR has ended the chunk's line.
        case lineEnd(size: Int)
        case data(left: Int)
        case dataEnd
        case dataLineEnd
        /// Behind the last chunk.
        case trailers
        case complete
    }

    /// A size has at most so many digits, zeros included.
    private static let mostDigits = 8

    private let limits: HTTP1Limits
    private var state = State.size(value: 0, digits: 0)
    private var position = 0
    private var decoded = 0
    private var parameterBytes = 0
    private var trailers: [UInt8] = []
    private var trailerScanner = HTTP1LineScanner()

    package init(limits: HTTP1Limits = HTTP1Limits()) { self.limits = limits }

    /// Whether the empty line after the trailers was read.
    package var isComplete: Bool {
        if case .complete = state { true } else { false }
    }

    /// Takes what belongs to the body and appends its data to `body`; stops behind the body's end.
    ///
    /// - Returns: the number of input bytes taken: all of them until the body is complete.
    /// - Throws: ``HTTP1Error``; the decoder is of no use afterwards.
    package mutating func decode(_ input: Span<UInt8>, into body: inout [UInt8]) throws(HTTP1Error) -> Int {
        var index = 0
        while index < input.count, !isComplete {
            let taken: Int
            if case .data(let left) = state {
                taken = min(left, input.count - index)
                for offset in index..<index + taken { body.append(input[offset]) }
                state = taken == left ? .dataEnd : .data(left: left - taken)
            } else {
                taken = 1
                state = try next(input[index])
            }
            index += taken
            position += taken
        }
        return index
    }

    private mutating func next(_ byte: UInt8) throws(HTTP1Error) -> State {
        switch state {
        case .size(let value, let digits): return try sizeByte(byte, value, digits)
        case .parameters(let size):
            parameterBytes += 1
            if parameterBytes > limits.chunkExtensionSize { throw error(.chunkExtensionsTooLong) }
            if byte == 0x0D { return .lineEnd(size: size) }
            guard FieldSyntax.isValue(byte) else { throw error(.chunkExtensionMalformed) }
            return .parameters(size: size)
        case .lineEnd(let size):
            guard byte == 0x0A else { throw error(.bareCarriageReturn) }
            return size == 0 ? .trailers : .data(left: size)
        case .dataEnd:
            guard byte == 0x0D else { throw error(.chunkNotTerminated) }
            return .dataLineEnd
        case .dataLineEnd:
            guard byte == 0x0A else { throw error(.chunkNotTerminated) }
            return .size(value: 0, digits: 0)
        case .trailers: return try trailerByte(byte)
        case .data, .complete: return state
        }
    }

    private mutating func sizeByte(_ byte: UInt8, _ value: Int, _ digits: Int) throws(HTTP1Error) -> State {
        if let digit = Self.hexadecimal(byte) {
            if digits == Self.mostDigits { throw error(.chunkSizeTooLarge) }
            return .size(value: value * 16 + digit, digits: digits + 1)
        }
        guard digits > 0, byte == 0x0D || byte == 0x3B else { throw error(.chunkSizeMalformed) }
        if value > limits.bodySize - decoded { throw error(.bodyTooLarge) }
        decoded += value
        return byte == 0x0D ? .lineEnd(size: value) : .parameters(size: value)
    }

    private mutating func trailerByte(_ byte: UInt8) throws(HTTP1Error) -> State {
        trailers.append(byte)
        let trailers = trailers
        do throws(HTTP1Error) {
            let end = try trailerScanner.end(
                in: trailers.span, firstLine: 0, size: limits.trailerSize, lineCount: limits.fieldCount)
            if end == nil { return .trailers }
            try HTTP1RequestParser.FieldReader.check(trailers.span)
            return .complete
        } catch {
            throw HTTP1Error(
                error.reason == .headTooLarge ? .trailersTooLarge : error.reason,
                at: position + 1 - trailers.count + error.offset)
        }
    }

    private func error(_ reason: HTTP1Error.Reason) -> HTTP1Error { HTTP1Error(reason, at: position) }

    private static func hexadecimal(_ byte: UInt8) -> Int? {
        switch byte {
        case 0x30...0x39: Int(byte) - 0x30
        case 0x41...0x46: Int(byte) - 0x41 + 10
        case 0x61...0x66: Int(byte) - 0x61 + 10
        default: nil
        }
    }
}
