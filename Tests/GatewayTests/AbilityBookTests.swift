import FHIR
import Testing
import WADO

@testable import Gateway

@Suite struct AbilityBookTests {
    private let book = AbilityBook(configured: ["pacs": [.viewport: true, .region: false]])
    private let rs = AbilityBook.Archive(backend: "pacs", type: .wadoRS)
    private let uri = AbilityBook.Archive(backend: "pacs", type: .wadoURI)
    private let now = ContinuousClock.now

    @Test func theOperatorsWordCountsBeforeWhatWasFoundOut() {
        book.note(.viewport, .proven(false), of: rs, at: now)
        book.note(.region, .proven(true), of: rs, at: now)
        let known = book.known(of: rs, at: now)
        #expect(known.has(.viewport) == true)
        #expect(known.has(.region) == false)
    }

    @Test func whatOneProtocolCanDoSaysNothingOfTheOther() {
        book.note(.window, .proven(true), of: rs, at: now)
        #expect(book.known(of: rs, at: now).has(.window) == true)
        #expect(book.known(of: uri, at: now).has(.window) == nil)
    }

    @Test(
        arguments: [
            (.proven(true), 24 * 3600), (.proven(false), 600), (.refused(status: 404), 600),
        ] as [(Abilities.Knowledge, Int)])
    func nothingCountsForEver(knowledge: Abilities.Knowledge, seconds: Int) {
        book.note(.window, knowledge, of: rs, at: now)
        #expect(book.known(of: rs, at: now + .seconds(seconds - 1)).has(.window) == knowledge.isAble)
        #expect(book.known(of: rs, at: now + .seconds(seconds)).has(.window) == nil)
        #expect(book.findings(at: now + .seconds(seconds)).allSatisfy { $0.source == "configured" })
    }

    @Test func tellsWhatIsKnownInTheOrderOfNames() {
        book.note(.window, .proven(true), of: uri, at: now)
        book.note(.viewport, .proven(false), of: rs, at: now)
        book.note(.frames, .refused(status: 405), of: rs, at: now)
        let findings = book.findings(at: now + .seconds(60))
        #expect(findings.map(\.ability) == ["region", "viewport", "frames", "window"])
        #expect(findings.map(\.connectionType) == [nil, nil, "dicom-wado-rs", "dicom-wado-uri"])
        #expect(findings.map(\.source) == ["configured", "configured", "refused with status 405", "proven"])
        #expect(findings.map(\.isAble) == [false, true, false, true])
        #expect(findings.map(\.left) == [nil, nil, .seconds(540), .seconds(24 * 3600 - 60)])
    }
}
