import DICOM
import EventLoop
import FHIR
import HTTP
import StudyDirectory
import Testing
import Upstream

@Suite struct FreshnessTests {
    @Test func asksByTagWhetherARecordStillHolds() async throws {
        let server = try ScriptedServer { _ in
            .json(bundle(study(version: "3", endpoints: ["Endpoint/e"]), endpoint("e", version: "8")))
        }
        let bed = try await Bed([Bed.fhir(server)])
        let first = try await bed.record()
        server.forgetQuestions()
        server.answer { _ in .status(304) }
        bed.advance(by: .seconds(301))
        let second = try await bed.resolve().get()
        #expect(second.record == first)
        #expect(!second.isStale)
        #expect(second.age == .zero)
        let asked = server.questions.map { "\($0.target) \($0["If-None-Match"] ?? "")" }
        #expect(asked.sorted() == [#"/fhir/Endpoint/e W/"8""#, #"/fhir/ImagingStudy/s W/"3""#])
        _ = try await bed.record()
        #expect(server.questions.count == 2)
    }

    @Test(arguments: ["ImagingStudy/s", "Endpoint/e"])
    func searchesAgainWhenAResourceChanged(changed: String) async throws {
        let server = try ScriptedServer { _ in .json(bundle(study(endpoints: ["Endpoint/e"]), endpoint("e"))) }
        let bed = try await Bed([Bed.fhir(server)])
        _ = try await bed.record()
        server.answer { question in
            if question.target == "/fhir/\(changed)" { return .json("{}", #"ETag: W/"2""#) }
            if question["If-None-Match"] != nil { return .status(304) }
            return .json(
                bundle(
                    study(version: "2", endpoints: ["Endpoint/e"], summary: "new"),
                    endpoint("e", address: "http://new", version: "2")))
        }
        bed.advance(by: .seconds(301))
        let record = try await bed.record()
        #expect(record.summary == "new")
        #expect(record.endpoints.map(\.address) == ["http://new"])
        #expect(record.version == "ImagingStudy/s@2@")
    }

    @Test func tellsOfARecordThatIsAnother() async throws {
        let server = try ScriptedServer { _ in .json(bundle(study())) }
        let bed = try await Bed([Bed.fhir(server)])
        _ = try await bed.record()
        bed.advance(by: .seconds(301))
        _ = try await bed.record()
        #expect(bed.changes.isEmpty)
        server.answer { _ in .json(bundle(study(version: "2"))) }
        bed.advance(by: .seconds(301))
        _ = try await bed.record()
        #expect(bed.changes == ["\(studyUID) fhir hospital"])
        server.answer { _ in .status(503) }
        bed.advance(by: .seconds(301))
        _ = try await bed.record()
        #expect(bed.changes.count == 1)
        server.answer { question in question.target.contains("?") ? .json(bundle()) : .status(410) }
        #expect(await bed.failure() == .notFound)
        #expect(bed.changes.count == 2)
        #expect(bed.changesOfFiles == 0)
    }

    @Test func searchesAgainWhenTheResourceIsGone() async throws {
        let server = try ScriptedServer { _ in .json(bundle(study())) }
        let bed = try await Bed([Bed.fhir(server)])
        _ = try await bed.record()
        server.answer { question in question.target.contains("?") ? .json(bundle()) : .status(410) }
        bed.advance(by: .seconds(301))
        #expect(await bed.failure() == .notFound)
    }

    /// A conditional read does not see that a second resource of the same study has come.
    @Test func searchesNowAndThenThoughNothingSeemsToChange() async throws {
        let server = try ScriptedServer { question in
            question["If-None-Match"] != nil ? .status(304) : .json(bundle(study()))
        }
        let bed = try await Bed([Bed.fhir(server)])
        for _ in 0..<12 {
            _ = try await bed.record()
            bed.advance(by: .seconds(301))
        }
        #expect(server.targets.count == 12)
        #expect(server.targets.filter { $0.contains("?") }.count == 2)
    }

    @Test(arguments: [
        bundle(study(id: "a"), study(id: "b")), bundle(study(version: nil)),
        bundle(study(endpoints: ["Endpoint/e"]), endpoint("e", version: nil)),
    ])
    func searchesWhereTagsAreNotEnough(answer: String) async throws {
        let server = try ScriptedServer { _ in .json(answer) }
        let bed = try await Bed([Bed.fhir(server)])
        _ = try await bed.record()
        bed.advance(by: .seconds(301))
        _ = try await bed.record()
        #expect(!server.questions.contains { $0["If-None-Match"] != nil })
    }

    @Test func remembersBrieflyThatAStudyIsAbsent() async throws {
        let server = try ScriptedServer { _ in .json(bundle()) }
        let bed = try await Bed([Bed.fhir(server)])
        #expect(await bed.failure() == .notFound)
        let asked = server.questions.count
        #expect(await bed.failure() == .notFound)
        #expect(server.questions.count == asked)
        bed.advance(by: .seconds(11))
        server.answer { _ in .json(bundle(study())) }
        #expect(await bed.failure() == nil)
    }

    @Test func looksAgainSoonForAStudyWithoutImages() async throws {
        let server = try ScriptedServer { _ in .json(bundle(study(status: "registered"))) }
        let bed = try await Bed([Bed.fhir(server)])
        #expect(try await bed.record().status == .registered)
        server.answer { _ in .json(bundle(study(version: "2"))) }
        bed.advance(by: .seconds(11))
        #expect(try await bed.record().status == .available)
    }

    // MARK: The server is down

    @Test func servesWhatItKnowsWhileTheServerIsDown() async throws {
        let server = try ScriptedServer { _ in .json(bundle(study())) }
        let bed = try await Bed([Bed.fhir(server)])
        let record = try await bed.record()
        server.stop()
        bed.advance(by: .seconds(3600))
        #expect(bed.directory.cached(record.study) == nil)
        let stale = try await bed.resolve().get()
        #expect(stale.record == record)
        #expect(stale.isStale)
        #expect(stale.age == .seconds(3600))
        #expect(
            await bed.failure("1.2.3")
                == .unavailable(source: "fhir hospital", timedOut: false, detail: "it cannot be connected"))
        bed.advance(by: .seconds(7 * 86400))
        #expect(
            await bed.failure()
                == .unavailable(source: "fhir hospital", timedOut: false, detail: "it cannot be connected"))
    }

    @Test func servesWhatItKnowsWhileTheServerFails() async throws {
        let server = try ScriptedServer { _ in .json(bundle(study())) }
        let bed = try await Bed([Bed.fhir(server)])
        _ = try await bed.record()
        server.answer { _ in .status(500) }
        bed.advance(by: .seconds(301))
        #expect(try await bed.resolve().get().isStale)
        server.answer { _ in .json(bundle(study(version: "2"))) }
        let fresh = try await bed.resolve().get()
        #expect(!fresh.isStale)
        #expect(fresh.record.version == "ImagingStudy/s@2@")
    }

    @Test func doesNotWaitForASilentServerWhenItKnowsAnAnswer() async throws {
        let server = try ScriptedServer { _ in .json(bundle(study())) }
        var limits = DirectoryLimits()
        limits.patience = .milliseconds(20)
        let bed = try await Bed([Bed.fhir(server)], limits: limits)
        _ = try await bed.record()
        let gate = Gate()
        server.answer { _ in
            gate.pass()
            return .json(bundle(study(version: "2")))
        }
        bed.advance(by: .seconds(301))
        #expect(try await bed.resolve().get().isStale)
        #expect(try await bed.resolve().get().isStale)
        #expect(server.questions.count == 2)
        // The look-up went on behind their backs; whoever is patient enough shares its answer.
        for _ in 0..<4 { gate.open() }
        while try await bed.resolve().get().isStale { await Task.yield() }
        #expect(try await bed.record().version == "ImagingStudy/s@2@")
    }

    @Test func leavesAServerAloneThatCannotBeReached() async throws {
        let server = try ScriptedServer { _ in .json(bundle(study())) }
        let kind = try Bed.fhir(server)
        server.stop()
        let bed = try await Bed([kind])
        #expect(await bed.failure() != nil)
        #expect(await bed.failure("1.2.3") != nil)
        #expect(bed.log.count == 1)
        bed.advance(by: .seconds(3))
        #expect(await bed.failure() != nil)
        #expect(bed.log.count == 2)
    }

    // MARK: Several sources

    @Test func asksTheSourcesInOrder() async throws {
        let first = try ScriptedServer { _ in .json(bundle()) }
        let second = try ScriptedServer { _ in .json(bundle(study(summary: "second"))) }
        let bed = try await Bed([Bed.fhir(first, name: "first"), Bed.fhir(second, name: "second")])
        #expect(try await bed.resolve().get().source == "fhir second")
        #expect(bed.directory.cached(try #require(UID(studyUID)))?.source == "fhir second")
        first.answer { _ in .json(bundle(study(summary: "first"))) }
        bed.advance(by: .seconds(11))
        #expect(bed.directory.cached(try #require(UID(studyUID))) == nil)
        #expect(try await bed.resolve().get().source == "fhir first")
        #expect(bed.directory.studies().map(\.summary) == ["first"])
    }

    @Test func asksTheNextSourceWhenOneIsDown() async throws {
        let first = try ScriptedServer()
        let second = try ScriptedServer { question in
            question.target.contains(studyUID) ? .json(bundle(study())) : .json(bundle())
        }
        let bed = try await Bed([Bed.fhir(first, name: "first"), Bed.fhir(second, name: "second")])
        #expect(try await bed.resolve().get().source == "fhir second")
        #expect(await bed.failure("1.2.3") == .unavailable(source: "fhir first", timedOut: false, detail: "HTTP 500"))
        first.answer { _ in .json(bundle()) }
        #expect(await bed.failure("1.2.3") == .notFound)
    }

    /// Else every outage would change the record, and with it the epoch of all cached objects.
    @Test func prefersASourcesOldAnswerToAnotherSource() async throws {
        let first = try ScriptedServer { _ in .json(bundle(study(summary: "first"))) }
        let second = try ScriptedServer { _ in .json(bundle(study(summary: "second"))) }
        let bed = try await Bed([Bed.fhir(first, name: "first"), Bed.fhir(second, name: "second")])
        _ = try await bed.record()
        first.stop()
        bed.advance(by: .seconds(301))
        #expect(try await bed.record().summary == "first")
    }

    // MARK: Bounds

    @Test func forgetsTheLeastRecentlyUsed() async throws {
        let server = try ScriptedServer { question in
            let uid = question.target.components(after: "urn:oid:")
            return .json(bundle(study(uid)))
        }
        var limits = DirectoryLimits()
        limits.records = 3
        let bed = try await Bed([Bed.fhir(server)], limits: limits)
        for number in 1...3 { _ = try await bed.record("1.2.\(number)") }
        _ = try await bed.record("1.2.1")
        _ = try await bed.record("1.2.4")
        #expect(bed.directory.studies().map(\.study.string).sorted() == ["1.2.1", "1.2.3", "1.2.4"])
    }

    @Test func boundsTheInstancesItRemembers() async throws {
        let server = try ScriptedServer { question in
            .json(bundle(study(question.target.components(after: "urn:oid:"))))
        }
        var limits = DirectoryLimits()
        limits.instances = 2
        let bed = try await Bed([Bed.fhir(server)], limits: limits)
        for number in 1...5 { _ = try await bed.record("1.2.\(number)") }
        #expect(bed.directory.studies().count == 2)
    }
}

extension String {
    /// What stands between a text and the next "&".
    fileprivate func components(after text: String) -> String {
        guard let range = firstRange(of: text) else { return "" }
        return String(self[range.upperBound...].prefix { $0 != "&" })
    }
}
