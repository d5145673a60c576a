// Why bytes are not an acceptable HTTP/1 request. Each reason knows its status and its sentence, and nothing of sockets.

/// A request that is refused; the connection closes after the answer, since where the next one begins is not known.
///
/// Spec: RFC 9112 §2.2, §3, §5, §6, §7.
package struct HTTP1Error: Error, Equatable, Sendable {
    package enum Reason: Sendable, Hashable, CaseIterable {
        // Bytes
        case bareLineFeed, bareCarriageReturn, controlCharacter
        // Request line
        case requestLineMalformed, methodMalformed, targetMalformed, targetNotOrigin, authorityForm
        case versionMalformed, versionUnsupported, requestLineTooLong
        // Fields
        case blankBeforeFields, foldedField, fieldWithoutColon, fieldNameEmpty, blankBeforeColon, fieldNameMalformed
        case headTooLarge, tooManyFields
        // Host
        case hostMissing, hostRepeated, hostMalformed, hostDiffersFromTarget
        // Framing
        case lengthRepeated, lengthMalformed, lengthWithTransferEncoding
        case transferEncodingRepeated, transferEncodingMalformed, transferEncodingUnknown, transferEncodingInHTTP10
        case expectationUnknown
        // Body
        case bodyTooLarge, chunkSizeMalformed, chunkSizeTooLarge, chunkExtensionMalformed, chunkExtensionsTooLong
        case chunkNotTerminated, trailersTooLarge
    }

    package let reason: Reason
    /// The place of the offending byte, counted from the first byte of the head, or of the chunked body.
    package let offset: Int

    package init(_ reason: Reason, at offset: Int) {
        self.reason = reason
        self.offset = offset
    }

    /// The status of the answer.
    package var status: Int {
        switch reason {
        case .versionUnsupported: 505
        case .transferEncodingUnknown: 501
        case .requestLineTooLong: 414
        case .headTooLarge, .tooManyFields, .trailersTooLarge: 431
        case .bodyTooLarge: 413
        case .expectationUnknown: 417
        default: 400
        }
    }
}

extension HTTP1Error: CustomStringConvertible {
    /// A sentence for the client and the log; repeats nothing of the request.
    package var description: String { "\(sentence) (byte \(offset))." }

    private var sentence: String {
        switch reason {
        case .bareLineFeed: "A line ends with LF alone instead of CRLF"
        case .bareCarriageReturn: "A CR is not followed by LF"
        case .controlCharacter: "There is a control character in the head"
        case .requestLineMalformed: "The request line is not 'method SP target SP version'"
        case .methodMalformed: "The method is not a token"
        case .targetMalformed: "The request target has a character that a URL cannot hold"
        case .targetNotOrigin: "The request target does not begin with '/'"
        case .authorityForm: "This server is no tunnel: CONNECT and targets without a path are not served"
        case .versionMalformed: "The version is not 'HTTP/' digit '.' digit"
        case .versionUnsupported: "Only HTTP/1.1 and HTTP/1.0 are spoken here"
        case .requestLineTooLong: "The request line is too long"
        case .blankBeforeFields: "There is a blank before the first field"
        case .foldedField: "A field goes on in the next line (obs-fold)"
        case .fieldWithoutColon: "A field line has no colon"
        case .fieldNameEmpty: "A field has no name"
        case .blankBeforeColon: "There is a blank between a field's name and its colon"
        case .fieldNameMalformed: "A field's name is not a token"
        case .headTooLarge: "The head is too large"
        case .tooManyFields: "The head has too many fields"
        case .hostMissing: "An HTTP/1.1 request needs a Host field"
        case .hostRepeated: "There is more than one Host field"
        case .hostMalformed: "The Host field is not 'host' or 'host:port'"
        case .hostDiffersFromTarget: "The Host field differs from the host in the request target"
        case .lengthRepeated: "There is more than one Content-Length"
        case .lengthMalformed: "The Content-Length is not a plain decimal number"
        case .lengthWithTransferEncoding: "There are both Content-Length and Transfer-Encoding"
        case .transferEncodingRepeated: "There is more than one Transfer-Encoding"
        case .transferEncodingMalformed: "The Transfer-Encoding is not 'chunked'"
        case .transferEncodingUnknown: "No transfer coding but 'chunked' is known here"
        case .transferEncodingInHTTP10: "HTTP/1.0 has no Transfer-Encoding"
        case .expectationUnknown: "No expectation but '100-continue' is known here"
        case .bodyTooLarge: "The body is too large"
        case .chunkSizeMalformed: "A chunk's size is not a plain hexadecimal number"
        case .chunkSizeTooLarge: "A chunk's size has too many digits"
        case .chunkExtensionMalformed: "A chunk extension is malformed"
        case .chunkExtensionsTooLong: "The chunk extensions are too long"
        case .chunkNotTerminated: "A chunk's data does not end with CRLF"
        case .trailersTooLarge: "The trailers are too large"
        }
    }
}
