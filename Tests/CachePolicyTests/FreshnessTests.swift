import CachePolicy
import DICOM
import Testing

@Suite struct FreshnessTests {
    static let rules: FreshnessRules = {
        var rules = FreshnessRules()
        (rules.rendered, rules.thumbnail, rules.documents) = (100, 200, 50)
        (rules.staleWhileRevalidate, rules.staleIfError) = (30, 60)
        return rules
    }()

    static let rendered = ObjectClass.rendered(frame: nil, parameters: "", type: "image/jpeg")

    struct Case: Sendable {
        var object: ObjectClass
        var isOfSeries = false
        var epoch: Int64 = 7
        var version: String? = "1"
        var storedAt: Int64 = 1000
        var expires: Int64?
        var now: Int64 = 1010
        var expected: Freshness
    }

    static let cases: [Case] = [
        // Pixels, whatever the epoch and the time.
        Case(object: .frame(1, syntax: "stored"), epoch: 3, now: 9_999_999, expected: .fresh),
        Case(object: .frame(1, syntax: "stored"), epoch: 0, expected: .fresh),
        Case(object: .frameIndex, epoch: 3, expected: .fresh),
        Case(object: .bulk(tail: "bulkdata/7FE00010"), epoch: 3, expected: .fresh),
        Case(object: .bulk(tail: "bulk/7fe00010"), epoch: 3, expected: .fresh),
        // What may hold the patient's name.
        Case(object: .bulk(tail: "bulk/00420011"), epoch: 3, expected: .outdated),
        Case(object: .bulk(tail: "bulk/7FE00010/00420011"), epoch: 3, expected: .outdated),
        Case(object: .bulk(tail: "bulk/00420011"), expected: .fresh),
        Case(object: .bulk(tail: ""), epoch: 3, expected: .outdated),
        Case(object: .instance(syntax: "stored"), expected: .fresh),
        Case(object: .instance(syntax: "stored"), now: 9_999_999, expected: .fresh),
        Case(object: .instance(syntax: "stored"), epoch: 3, expected: .outdated),
        Case(object: .instance(syntax: "stored"), epoch: 8, expected: .outdated),
        Case(object: .instance(syntax: "stored"), epoch: 0, expected: .outdated),
        Case(object: .metadata(.json), expected: .fresh),
        Case(object: .metadata(.json), version: "0", expected: .fresh),
        Case(object: .metadata(.xml), epoch: 3, expected: .outdated),
        // Pictures: fresh, then renewed, then only in need.
        Case(object: rendered, expires: 1100, now: 1099, expected: .fresh),
        Case(object: rendered, expires: 1100, now: 1100, expected: .renewing),
        Case(object: rendered, expires: 1100, now: 1129, expected: .renewing),
        Case(object: rendered, expires: 1100, now: 1130, expected: .onlyInNeed),
        Case(object: rendered, expires: 1100, now: 1159, expected: .onlyInNeed),
        Case(object: rendered, expires: 1100, now: 1160, expected: .outdated),
        Case(object: rendered, epoch: 3, expires: 1100, now: 1000, expected: .outdated),
        // The clock was set back: nobody knows how old it is.
        Case(object: rendered, storedAt: 5000, expires: 5100, now: 1000, expected: .renewing),
        // What is said of a series is never served while it is renewed.
        Case(object: .members, isOfSeries: true, expires: 1050, now: 1049, expected: .fresh),
        Case(object: .members, isOfSeries: true, expires: 1050, now: 1050, expected: .onlyInNeed),
        Case(object: .members, isOfSeries: true, version: "0", expires: 1050, now: 1010, expected: .onlyInNeed),
        Case(object: .metadata(.json), isOfSeries: true, version: "0", expires: 1050, now: 1010, expected: .onlyInNeed),
        Case(object: .metadata(.json), isOfSeries: true, expires: 1050, now: 1110, expected: .outdated),
        Case(object: .members, isOfSeries: true, epoch: 3, expires: 1050, now: 1010, expected: .outdated),
    ]

    @Test(arguments: cases)
    func theClassDecides(one: Case) {
        let description = ObjectDescription(
            mediaType: "x", backend: "pacs", storedAt: one.storedAt, epoch: one.epoch, expires: one.expires,
            recordVersion: one.version)
        let freshness = Self.rules.freshness(
            of: description, as: one.object, isOfSeries: one.isOfSeries,
            for: StudyMoment(epoch: 7, recordVersion: "1"), at: one.now)
        #expect(freshness == one.expected)
    }

    @Test func nothingIsOfAnUnknownEpoch() {
        let description = ObjectDescription(mediaType: "x", backend: "pacs")
        #expect(
            Self.rules.freshness(
                of: description, as: .metadata(.json), isOfSeries: false,
                for: StudyMoment(epoch: 0, recordVersion: nil), at: 0) == .outdated)
    }

    /// Frames are made from an instance whose header is of yesterday: its pixels are not.
    @Test func whatIsMadeOfAnObjectDecides() {
        let description = ObjectDescription(mediaType: "application/dicom", backend: "pacs", epoch: 3)
        let moment = StudyMoment(epoch: 7, recordVersion: "1")
        func freshness(as wanted: ObjectClass) -> Freshness {
            Self.rules.freshness(of: description, as: wanted, isOfSeries: false, for: moment, at: 0)
        }
        #expect(freshness(as: .frame(1, syntax: "stored")) == .fresh)
        #expect(freshness(as: .metadata(.json)) == .outdated)
    }

    @Test func lifetimesAreByClass() {
        #expect(Self.rules.lifetime(of: Self.rendered, isOfSeries: false) == 100)
        #expect(
            Self.rules.lifetime(of: .thumbnail(frame: 1, parameters: "", type: "image/png"), isOfSeries: false) == 200)
        #expect(Self.rules.lifetime(of: .members, isOfSeries: true) == 50)
        #expect(Self.rules.lifetime(of: .metadata(.json), isOfSeries: true) == 50)
        #expect(Self.rules.lifetime(of: .metadata(.json), isOfSeries: false) == nil)
        #expect(Self.rules.lifetime(of: .instance(syntax: "stored"), isOfSeries: false) == nil)
        #expect(Self.rules.lifetime(of: .frame(1, syntax: "stored"), isOfSeries: false) == nil)
    }
}
