import Foundation
import Testing

@testable import Gateway

/// Whom a token file lets in.
@Suite struct AuthorizationTests {
    @Test(
        arguments: [
            ("s3cret", ["s3cret": "token"]), ("anna s3cret\n", ["s3cret": "anna"]),
            ("anna\ts3cret", ["s3cret": "anna"]),
            (" \tanna \t s3cret\t\r\nother\r\n", ["s3cret": "anna", "other": "token"]),
            ("# a\n\t# b\n  #c d\n\nx", ["x": "token"]), ("", [:]), (" \n\t\n", [:]),
        ] as [(String, [String: String])])
    func readsTokensAndNames(text: String, names: [String: String]) {
        let file = TokenFile(text)
        #expect(file.names == names)
        #expect(file.malformedLines == [])
    }

    @Test func linesOfMoreThanTwoWordsLetNobodyIn() {
        let file = TokenFile("# one\n\nanna maria s3cret\nbert x\ta\tb\nc d e\n")
        #expect(file.names.isEmpty)
        #expect(file.malformedLines == [3, 4, 5])
    }

    @Test(
        arguments: [
            ("Bearer x", "x"), ("bearer x", "x"), ("BEARER    x", "x"), ("Bearer  x y", "x y"), ("Bearerx", nil),
            ("Basic x", nil), ("Bearer", nil), ("", nil),
        ] as [(String, String?)])
    func findsTheTokenInItsField(value: String, token: String?) {
        #expect(BearerTokens.token(in: value) == token)
    }

    @Test func aFileThatIsTooLargeOrGoneLetsNobodyIn() throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "wadogate-tokens-\(UUID())").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let tokens = BearerTokens(path: path)
        var now = ContinuousClock.now
        func name() -> String? {
            now += .seconds(2)
            return tokens.name(of: "s3cret", now: now)
        }
        func write(padding: Int) throws {
            try Data(("anna s3cret\n" + String(repeating: "#", count: padding)).utf8).write(
                to: URL(filePath: path), options: .atomic)
        }
        #expect(name() == nil)
        try write(padding: 0)
        #expect(name() == "anna")
        try write(padding: TokenFile.largestSize)
        #expect(name() == nil)
        try write(padding: TokenFile.largestSize - 12)
        #expect(name() == "anna")
        try FileManager.default.removeItem(atPath: path)
        #expect(name() == nil)
    }
}
