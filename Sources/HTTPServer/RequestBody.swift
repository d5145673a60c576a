// The body of one request, read whole. Pure.
import HTTP

/// Collects a bounded request body.
struct RequestBody {
    private enum Rest {
        case length(Int)
        case chunked(HTTP1ChunkedDecoder)
    }

    private var rest: Rest
    private(set) var bytes: [UInt8] = []

    /// Nil when the request has no body.
    ///
    /// - Throws: ``HTTP1Error`` with `.bodyTooLarge` when the announced length is beyond the limit.
    init?(_ framing: HTTP1Request.Body, limits: HTTP1Limits) throws(HTTP1Error) {
        switch framing {
        case .none: return nil
        case .length(let length):
            if length > limits.bodySize { throw HTTP1Error(.bodyTooLarge, at: 0) }
            rest = .length(Int(length))
        case .chunked: rest = .chunked(HTTP1ChunkedDecoder(limits: limits))
        }
    }

    var isComplete: Bool {
        switch rest {
        case .length(let left): left == 0
        case .chunked(let decoder): decoder.isComplete
        }
    }

    /// Takes what belongs to the body.
    ///
    /// - Returns: the number of bytes taken.
    /// - Throws: ``HTTP1Error`` from the chunked decoder.
    mutating func take(_ input: Span<UInt8>) throws(HTTP1Error) -> Int {
        switch rest {
        case .length(let left):
            let taken = min(left, input.count)
            for index in 0..<taken { bytes.append(input[index]) }
            rest = .length(left - taken)
            return taken
        case .chunked(var decoder):
            let taken = try decoder.decode(input, into: &bytes)
            rest = .chunked(decoder)
            return taken
        }
    }
}
