import CachePolicy
import DICOM
import Testing

@Suite struct MembershipListTests {
    private func list() throws -> MembershipList {
        MembershipList(
            source: .metadata, time: 1_790_000_000,
            members: [
                .init(
                    instance: try uid("1.2.3"), sopClass: try uid("1.2.840.10008.5.1.4.1.1.2"),
                    transferSyntax: try uid("1.2.840.10008.1.2.1"), rows: 512, columns: 256, frames: 12,
                    metadata: .init(range: 10..<5000, placeholders: 3)),
                .init(instance: try uid("1.2.4")),
            ], document: "tag7")
    }

    @Test func itComesBackAsItWas() throws {
        let list = try list()
        #expect(MembershipList(decoding: list.encoded) == list)
        let empty = MembershipList(source: .search, time: 0, members: [])
        #expect(MembershipList(decoding: empty.encoded) == empty)
    }

    @Test func aPersonCanReadIt() throws {
        #expect(
            String(decoding: try list().encoded, as: UTF8.self) == """
                members 1 metadata 1790000000 2 tag7
                1.2.3 1.2.840.10008.5.1.4.1.1.2 1.2.840.10008.1.2.1 512 256 12 10 4990 3
                1.2.4 - - - - - - - -

                """)
    }

    @Test func noTruncationIsTakenForAList() throws {
        let bytes = try list().encoded
        for count in 0..<bytes.count { #expect(MembershipList(decoding: Array(bytes[..<count])) == nil) }
    }

    @Test(arguments: [
        "members 2 metadata 0 0 -\n", "members 1 rumour 0 0 -\n", "members 1 search 0 1 -\n",
        "members 1 search 0 0 -\n\n",
        "members 1 search 0 2 -\n1.2 - - - - - - - -\n1.2 - - - - - - - -\n",
        "members 1 search 0 1 -\n1.2 - - -1 - - - - -\n",
        "members 1 search 0 1 -\n1.2 - - 9999999999999999999 - - - - -\n",
        "members 1 search 0 1 -\n1.2 - - - - - 9223372036854775807 9223372036854775807 1\n",
        "members 1 search 0 1 -\n1.2 x - - - - - - -\n", "members 1 search 0 1 -\n../x - - - - - - - -\n",
        "members 1 search 0 1 -\n1.2 - - - - - - - - -\n", "members 1 search 0 -1 -\n", "",
    ])
    func whatIsNotAListIsNone(text: String) {
        #expect(MembershipList(decoding: Array(text.utf8)) == nil)
    }

    @Test func whatAnEarlierListKnewIsKept() throws {
        let metadata = try list()
        var answer = MembershipList(
            source: .answer, time: 1_790_000_001,
            members: [
                .init(instance: try uid("1.2.4"), transferSyntax: try uid("1.2.840.10008.1.2.4.70")),
                .init(instance: try uid("1.2.3"), frames: 1),
            ])
        let both = answer.completed(by: metadata)
        #expect(both.document == "tag7" && both.source == .answer && both.time == 1_790_000_001)
        #expect(both.members[1].metadata?.range == 10..<5000 && both.members[1].rows == 512)
        #expect(both.members[1].frames == 1)
        #expect(both.members[0].transferSyntax?.string == "1.2.840.10008.1.2.4.70")

        answer.members.append(.init(instance: try uid("1.2.5")))
        let grown = answer.completed(by: metadata)
        #expect(grown.document == nil && grown.members.allSatisfy { $0.metadata == nil })
        #expect(grown.members[1].rows == 512)
    }

    @Test func theOrderOfInstancesDoesNotMatter() throws {
        let list = try list()
        var other = list
        other.members.reverse()
        #expect(list.hasSameInstances(as: other))
        other.members[0].instance = try uid("1.2.5")
        #expect(!list.hasSameInstances(as: other))
        other.members.removeLast()
        #expect(!list.hasSameInstances(as: other))
    }
}
