import CachePolicy
import DICOM
import FHIR
import HTTP
import Testing
import WADO

/// Which ways are taken to an object, and in which order.
@Suite struct RetrievePlanTests {
    private static let target = InstanceTarget(study: UID("1.2")!, series: UID("1.3")!, instance: UID("1.4")!)
    private static let explicit = "1.2.840.10008.1.2.1"

    enum Archive: String {
        case rs, uri, folder

        var endpoint: Endpoint {
            switch self {
            case .rs: Endpoint(id: "rs", connectionTypes: [.wadoRS], address: "http://a/dicom-web")
            case .uri: Endpoint(id: "uri", connectionTypes: [.wadoURI], address: "http://b/wado")
            case .folder: Endpoint(id: "folder", connectionTypes: [.archive], address: "folder")
            }
        }
    }

    /// One request, and the plan for its first object.
    private func plan(
        _ path: String, accept: String? = nil, at archives: [Archive], holding: [ObjectClass: String] = [:],
        facts: InstanceFacts? = nil, stored: String? = nil, abilities: [String: Abilities] = [:]
    ) throws -> RetrievePlan {
        let request = try #require(
            try ask(
                path.hasPrefix("?")
                    ? "/wado?requestType=WADO&studyUID=1.2&seriesUID=1.3&objectUID=1.4&" + path.dropFirst()
                    : "/dicom-web/studies/1.2/series/1.3/instances/1.4" + path,
                accept: accept.map { [$0] } ?? []))
        let record = StudyRecord(study: UID("1.2")!, series: [], endpoints: archives.map(\.endpoint))
        let choice = EndpointChoice(record: record, series: UID("1.3")!, now: "2026-01-01T00:00:00Z", fallback: nil)
        let objects = try #require(request.objects)
        return RetrievePlan(
            for: objects[0], of: Self.target, as: request, from: choice,
            holding: Dictionary(
                uniqueKeysWithValues: holding.map { object, syntax in
                    let type =
                        if case .instance = object { "application/dicom" } else { PixelMediaType.type(of: syntax) }
                    return (object, ObjectDescription(mediaType: type, transferSyntax: syntax, backend: "x"))
                }), facts: facts, storedSyntax: stored.flatMap { UID($0) }
        ) { abilities[$0.endpoint.id] ?? Abilities() }
    }

    @Test(arguments: [
        // A single frame costs as much as its instance; the stored syntax is found out with the first.
        ("transfer-syntax=*", 1, nil, ["fetch rs", "ask rs"]),
        ("transfer-syntax=1.2.840.10008.1.2.1", 1, nil, ["fetch rs", "ask rs"]),
        ("transfer-syntax=1.2.840.10008.1.2.1", 1, "1.2.840.10008.1.2", ["fetch rs", "ask rs"]),
        // What would have to be decoded is asked of the archive.
        ("transfer-syntax=1.2.840.10008.1.2.1", 1, "1.2.840.10008.1.2.4.90", ["ask rs", "fetch rs"]),
        ("transfer-syntax=*", 1, "1.2.840.10008.1.2.4.90", ["fetch rs", "ask rs"]),
        ("transfer-syntax=*", 256, nil, ["fetch rs", "ask rs"]),
        ("transfer-syntax=*", 257, nil, ["ask rs", "fetch rs"]),
        ("transfer-syntax=*", Int(Int32.max), nil, ["ask rs", "fetch rs"]),
    ])
    func aFrameOfASmallInstanceIsHadWithIt(accept: String, frames: Int, stored: String?, steps: [String]) throws {
        let facts = InstanceFacts(
            study: Self.target.study, series: Self.target.series, instance: Self.target.instance, rows: 512,
            columns: 512, numberOfFrames: frames)
        let plan = try plan(
            "/frames/1", accept: "multipart/related; type=\"application/octet-stream\"; \(accept)", at: [.rs],
            facts: facts, stored: stored)
        #expect(words(plan) == steps)
    }

    /// "ask rs", "fetch uri", … in order.
    private func words(_ plan: RetrievePlan) -> [String] {
        plan.steps.map { step in
            let names = step.candidates.map { $0.endpoint.id }.joined(separator: "+")
            return switch step {
            case .cached: "cached"
            case .derive: "derive"
            case .asStored: "as stored"
            case .ask: "ask \(names)"
            case .translate: "translate \(names)"
            case .fetch: "fetch \(names)"
            }
        }
    }

    // MARK: The order of ways

    @Test(
        arguments: [
            ("/frames/3", [.rs], ["ask rs", "fetch rs"]),
            ("/frames/3", [.uri], ["fetch uri"]),
            ("/frames/3", [.folder], ["fetch folder"]),
            // The protocol that answers by itself comes first, whatever the record's order.
            ("/frames/3", [.uri, .rs], ["ask rs", "fetch rs+uri"]),
            ("/metadata", [.rs], ["ask rs", "fetch rs"]),
            ("/metadata", [.uri], ["fetch uri"]),
            ("/bulkdata/00420011", [.uri], ["fetch uri"]),
            ("/bulkdata/00081140/1/00420011", [.rs], ["ask rs", "fetch rs"]),
            // Only the archive knows what its own path means.
            ("/bulk/1", [.rs], ["ask rs"]),
            // Our own path is read in our own way, whatever an archive may mean by it.
            ("/bulkdata/stored/00081140/1/00420011", [.rs], ["fetch rs"]),
            ("/rendered", [.rs], ["ask rs"]),
            ("/rendered", [.uri], ["translate uri"]),
            ("/rendered", [.uri, .rs], ["ask rs", "translate uri"]),
            ("/thumbnail", [.rs], ["ask rs", "translate rs"]),
            ("/thumbnail", [.uri], ["translate uri"]),
            ("?contentType=image/jpeg", [.rs], ["ask rs"]),
            ("?contentType=application/dicom", [.uri], ["fetch uri", "as stored"]),
        ] as [(String, [Archive], [String])])
    func withAnEmptyCache(path: String, archives: [Archive], expected: [String]) throws {
        #expect(try words(plan(path, at: archives)) == expected)
    }

    @Test(
        arguments: [
            ("*", [.rs], ["fetch rs", "as stored"]), ("*", [.uri], ["fetch uri", "as stored"]),
            (explicit, [.rs], ["ask rs", "fetch rs"]),
            // A codec may be needed: the archive is asked in the end.
            (explicit, [.uri], ["fetch uri", "ask uri"]), (explicit, [.folder], ["fetch folder"]),
        ] as [(String, [Archive], [String])])
    func instances(syntax: String, archives: [Archive], expected: [String]) throws {
        let accept = "multipart/related; type=\"application/dicom\"; transfer-syntax=\(syntax)"
        #expect(try words(plan("", accept: accept, at: archives)) == expected)
    }

    // MARK: What the cache holds

    @Test func aCachedObjectComesFirst() throws {
        let held: [ObjectClass: String] = [.frame(3, syntax: ObjectClass.stored): Self.explicit]
        #expect(try words(plan("/frames/3", at: [.rs], holding: held)).first == "cached")
    }

    @Test(
        arguments: [
            ("/frames/3", [.rs], ["derive", "ask rs"]), ("/frames/3", [.uri], ["derive"]),
            ("/bulkdata/00420011", [.rs], ["derive", "ask rs"]),
            // Its items are counted the archive's way; its metadata leads to its own bulk data.
            ("/bulkdata/00081140/1/00420011", [.rs], ["ask rs", "derive"]),
            ("/metadata", [.rs], ["ask rs", "derive"]), ("/metadata", [.uri], ["derive"]),
            ("/rendered", [.uri], ["translate uri"]),
        ] as [(String, [Archive], [String])])
    func aCachedInstanceIsFetchedNoMore(path: String, archives: [Archive], expected: [String]) throws {
        let held: [ObjectClass: String] = [.instance(syntax: ObjectClass.stored): "1.2.840.10008.1.2.4.50"]
        #expect(try words(plan(path, at: archives, holding: held)) == expected)
    }

    @Test func bigEndianSamplesAreTheArchivesAffair() throws {
        let held: [ObjectClass: String] = [.instance(syntax: ObjectClass.stored): "1.2.840.10008.1.2.2"]
        #expect(try words(plan("/frames/3", at: [.rs], holding: held)) == ["ask rs", "derive"])
        #expect(try words(plan("/frames/3", at: [.uri], holding: held)) == ["derive"])
    }

    @Test func aCachedInstanceInAnotherSyntaxIsReencodedOrAskedFor() throws {
        let held: [ObjectClass: String] = [.instance(syntax: ObjectClass.stored): "1.2.840.10008.1.2"]
        let accept = "multipart/related; type=\"application/dicom\"; transfer-syntax=\(Self.explicit)"
        #expect(try words(plan("", accept: accept, at: [.rs], holding: held)) == ["derive", "ask rs"])
        #expect(try words(plan("", accept: accept, at: [.uri], holding: held)) == ["derive", "ask uri"])
        let any = "multipart/related; type=\"application/dicom\"; transfer-syntax=*"
        #expect(try words(plan("", accept: any, at: [.rs], holding: held)).first == "cached")
    }

    // MARK: Abilities

    @Test(arguments: [Abilities.Knowledge.refused(status: 404), .configured(false)])
    func aResourceThatTheArchiveLacksIsNotAskedFor(knowledge: Abilities.Knowledge) throws {
        let lacks = Abilities(known: [.frames: knowledge, .thumbnail: knowledge])
        let frames = try plan("/frames/3", at: [.rs], abilities: ["rs": lacks])
        #expect(words(frames) == ["fetch rs"])
        #expect(frames.passedOver.first?.endpoint == "rs")
        #expect(try words(plan("/thumbnail", at: [.rs], abilities: ["rs": lacks])) == ["translate rs"])
    }

    /// One instance's 501 is no word on all: where nothing else leads to a picture, the archive is asked again.
    @Test func aRefusedResourceIsAskedForWhereNothingElseLeadsThere() throws {
        let refused = Abilities(known: [.rendered: .refused(status: 501), .bulkdata: .refused(status: 405)])
        #expect(try words(plan("/rendered", at: [.rs], abilities: ["rs": refused])) == ["ask rs"])
        #expect(try words(plan("/rendered", at: [.uri], abilities: ["uri": refused])) == ["translate uri"])
        #expect(try words(plan("/bulk/1", at: [.rs], abilities: ["rs": refused])) == ["ask rs"])
        let said = Abilities(known: [.rendered: .configured(false)])
        #expect(try plan("/rendered", at: [.rs], abilities: ["rs": said]).steps.isEmpty)
    }

    @Test func anArchiveWithThumbnailsAndWithoutPicturesIsAskedForThumbnailsOnly() throws {
        let odd = Abilities(known: [.rendered: .configured(false), .thumbnail: .configured(true)])
        #expect(try words(plan("/thumbnail", at: [.rs], abilities: ["rs": odd])) == ["ask rs"])
    }

    @Test func aParameterThatTheArchiveIgnoresLeadsElsewhere() throws {
        let lacks = ["uri": Abilities(known: [.window: .proven(false)])]
        let path = "/rendered?window=40,400,linear"
        let nowhere = try plan(path, at: [.uri], abilities: lacks)
        #expect(nowhere.steps.isEmpty && nowhere.refusal?.status == 501)
        #expect(nowhere.refusal?.message.contains("window") == true)
        #expect(try words(plan(path, at: [.uri, .rs], abilities: lacks)) == ["ask rs"])
        #expect(try words(plan(path, at: [.uri])) == ["translate uri"], "to be proven")
    }

    @Test func whatCannotBeHadSaysWhy() throws {
        #expect(try plan("/rendered", at: [.folder]).refusal?.status == 406)
        #expect(try plan("/frames/1", at: []).refusal?.status == 404)
        #expect(try plan("/bulk/1", at: [.uri]).refusal?.status == 501)
    }

    @Test func failedEndpointsAreLeftOut() throws {
        let steps = try plan("/frames/3", at: [.uri, .rs]).steps
        let failed = steps[0].candidates
        #expect(steps[0].without(failed) == nil)
        #expect(steps[1].without(failed)?.candidates.map(\.endpoint.id) == ["uri"])
    }
}
