import DICOM
import Gateway
import HTTP
import Testing
import WADO

@Suite struct BulkTokensTests {
    private let secret = [UInt8](repeating: 7, count: 32)
    private let target = InstanceTarget(study: UID("1.2")!, series: UID("1.2.3")!, instance: UID("1.2.3.4")!)
    private let url = HTTPURL("http://127.0.0.1:8042/odd/place?id=7")!

    @Test func opensAgainAfterARestart() {
        let tail = BulkTokens(secret: secret).tail(for: url, on: "pacs", of: target)
        #expect(tail.hasPrefix("bulkdata/~"))
        #expect(BulkTokens(secret: secret).reference(in: tail, of: target)?.url == url)
    }

    @Test func equalURLsGiveEqualTokensAndHideTheURL() {
        let tokens = BulkTokens(secret: secret)
        #expect(tokens.tail(for: url, on: "pacs", of: target) == tokens.tail(for: url, on: "pacs", of: target))
        #expect(!tokens.tail(for: url, on: "pacs", of: target).contains("127"))
    }

    @Test func opensUnderNoOtherInstanceAndNoOtherSecret() {
        let tail = BulkTokens(secret: secret).tail(for: url, on: "pacs", of: target)
        let other = InstanceTarget(study: UID("1.2")!, series: UID("1.2.3")!, instance: UID("1.2.3.5")!)
        #expect(BulkTokens(secret: secret).reference(in: tail, of: other)?.url == nil)
        #expect(BulkTokens(secret: [UInt8](repeating: 8, count: 32)).reference(in: tail, of: target)?.url == nil)
    }

    @Test func noChangedTokenOpens() {
        let tokens = BulkTokens(secret: secret)
        let tail = Array(tokens.tail(for: url, on: "pacs", of: target))
        for index in tail.indices.dropFirst(10) {
            var forged = tail
            forged[index] = forged[index] == "A" ? "B" : "A"
            #expect(tokens.reference(in: String(forged), of: target)?.url == nil, "letter \(index)")
        }
        #expect(tokens.reference(in: String(tail.dropLast(4)), of: target)?.url == nil)
        #expect(tokens.reference(in: "bulkdata/~", of: target)?.url == nil)
        #expect(tokens.reference(in: "bulkdata/~!!!!", of: target)?.url == nil)
    }
}
