// Tokens for bulk data whose URL does not follow DICOMweb's paths: the URL, encrypted and bound to its instance.
import COpenSSL
import DICOM
package import HTTP
package import WADO

/// Seals a backend's URL into a path tail and opens it again; the same URL gives the same token, also after a restart.
///
/// AES-256-GCM with a synthetic nonce: HMAC-SHA-256 of instance and URL under a second key. Equal tokens therefore tell only
/// that the URLs are equal, and a token made for one instance opens under no other.
package struct BulkTokens: Sendable {
    private let encryptionKey: [UInt8]
    private let nonceKey: [UInt8]

    /// - Parameter secret: 32 bytes or more that survive a restart.
    package init(secret: [UInt8]) {
        encryptionKey = hmacSHA256(key: secret, Array("bulk data token: encryption".utf8))
        nonceKey = hmacSHA256(key: secret, Array("bulk data token: nonce".utf8))
    }

    /// "bulkdata/~…".
    ///
    /// - Parameter backend: the configured name of the backend whose metadata named the URL, the only one to be asked for it.
    package func tail(for url: HTTPURL, on backend: String, of target: InstanceTarget) -> String {
        let plain = Array("\(backend)\n\(url)".utf8)
        let nonce = Array(hmacSHA256(key: nonceKey, Array(target.path.utf8) + [0] + plain).prefix(12))
        guard let sealed = aesGCM(.seal, key: encryptionKey, nonce: nonce, text: plain, bound: target.path) else {
            return "bulkdata/~"
        }
        return "bulkdata/~" + base64URL(nonce + sealed)
    }

    /// Nil unless the tail holds a token of ours for this instance.
    package func reference(in tail: String, of target: InstanceTarget) -> (url: HTTPURL, backend: String)? {
        guard tail.hasPrefix("bulkdata/~"), let bytes = bytes(base64URL: tail.dropFirst(10)), bytes.count > 28 else {
            return nil
        }
        let plain = aesGCM(
            .open, key: encryptionKey, nonce: Array(bytes[..<12]), text: Array(bytes[12...]), bound: target.path)
        let parts = plain?.split(separator: UInt8(ascii: "\n"), maxSplits: 1).map {
            String(decoding: $0, as: UTF8.self)
        }
        guard let parts, parts.count == 2, let url = HTTPURL(parts[1]) else { return nil }
        return (url, parts[0])
    }
}

/// HMAC-SHA-256 (RFC 2104), 32 bytes.
func hmacSHA256(key: [UInt8], _ message: [UInt8]) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: 32)
    var length: UInt32 = 32
    unsafe _ = HMAC(EVP_sha256(), key, Int32(key.count), message, message.count, &digest, &length)
    return digest
}

private enum Direction { case seal, open }

/// AES-256-GCM; sealed text carries its 16-byte tag at the end. Nil when OpenSSL fails or the tag is wrong.
private func aesGCM(_ direction: Direction, key: [UInt8], nonce: [UInt8], text: [UInt8], bound: String) -> [UInt8]? {
    guard key.count == 32, nonce.count == 12, let context = unsafe EVP_CIPHER_CTX_new() else { return nil }
    defer { unsafe EVP_CIPHER_CTX_free(context) }
    var tag = direction == .open ? Array(text.suffix(16)) : [UInt8](repeating: 0, count: 16)
    let input = direction == .open ? Array(text.dropLast(16)) : text
    let associated = Array(bound.utf8)
    var output = [UInt8](repeating: 0, count: input.count + 16)
    var count: Int32 = 0
    var last: Int32 = 0
    let isSealing: Int32 = direction == .seal ? 1 : 0
    guard unsafe EVP_CipherInit_ex(context, EVP_aes_256_gcm(), nil, key, nonce, isSealing) == 1,
        unsafe EVP_CipherUpdate(context, nil, &count, associated, Int32(associated.count)) == 1,
        unsafe EVP_CipherUpdate(context, &output, &count, input, Int32(input.count)) == 1
    else { return nil }
    if direction == .open {
        guard unsafe EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, 16, &tag) == 1 else { return nil }
    }
    var rest = [UInt8](repeating: 0, count: 16)
    guard unsafe EVP_CipherFinal_ex(context, &rest, &last) == 1 else { return nil }
    output.removeSubrange(Int(count)...)
    if direction == .open { return output }
    guard unsafe EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, 16, &tag) == 1 else { return nil }
    return output + tag
}

private let base64Alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

/// RFC 4648 §5, without padding.
func base64URL(_ bytes: [UInt8]) -> String {
    var text: [UInt8] = []
    text.reserveCapacity((bytes.count * 4 + 2) / 3)
    var bits: UInt32 = 0
    var held = 0
    for byte in bytes {
        bits = bits << 8 | UInt32(byte)
        held += 8
        while held >= 6 {
            held -= 6
            text.append(base64Alphabet[Int(bits >> UInt32(held) & 63)])
        }
    }
    if held > 0 { text.append(base64Alphabet[Int(bits << UInt32(6 - held) & 63)]) }
    return String(decoding: text, as: UTF8.self)
}

/// Nil for any other character, for bits that stand for nothing and are not zero, and for more than 16 KiB.
func bytes(base64URL text: some StringProtocol) -> [UInt8]? {
    guard text.utf8.count <= 16 << 10 else { return nil }
    var bytes: [UInt8] = []
    var bits: UInt32 = 0
    var held = 0
    for character in text.utf8 {
        guard let value = base64Alphabet.firstIndex(of: character) else { return nil }
        bits = bits << 6 | UInt32(value)
        held += 6
        if held >= 8 {
            held -= 8
            bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(held)))
        }
    }
    // One token has one spelling.
    guard held < 6, bits & (1 << UInt32(held) - 1) == 0 else { return nil }
    return bytes
}
