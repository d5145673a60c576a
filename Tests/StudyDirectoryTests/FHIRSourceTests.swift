import DICOM
import EventLoop
import FHIR
import HTTP
import StudyDirectory
import Synchronization
import Testing
import Upstream

@Suite struct FHIRSourceTests {
    @Test func asksStrictlyAndOnceAndRemembers() async throws {
        let server = try ScriptedServer { _ in .json(bundle(study(endpoints: ["Endpoint/e"]), endpoint("e"))) }
        let bed = try await Bed([Bed.fhir(server)])
        #expect(bed.directory.cached(try uid(studyUID)) == nil)
        let resolution = try await bed.resolve().get()
        #expect(resolution.record.endpoints.map(\.address) == ["http://pacs.example/dw"])
        #expect(resolution.source == "fhir hospital")
        #expect(!resolution.isStale)
        #expect(resolution.base?.path == "/fhir")
        bed.advance(by: .seconds(299))
        #expect(bed.directory.cached(try uid(studyUID))?.age == .seconds(299))
        _ = try await bed.record()
        #expect(
            server.targets == [
                "/fhir/ImagingStudy?identifier=urn:dicom:uid%7Curn:oid:\(studyUID)&_include=ImagingStudy:endpoint"
            ])
        #expect(server.questions.first?["Accept"] == "application/fhir+json")
        #expect(server.questions.first?["Prefer"] == "handling=strict")
        #expect(bed.directory.studies().map(\.study) == [try uid(studyUID)])
        #expect(try bed.directory.locate(instance: uid("\(studyUID).1.1"))?.series == uid("\(studyUID).1"))
        #expect(try bed.directory.locate(instance: uid("9.9")) == nil)
    }

    @Test func makesOneRequestForManyWhoAskAtOnce() async throws {
        let gate = Gate()
        let server = try ScriptedServer { _ in
            gate.pass()
            return .json(bundle(study()))
        }
        let bed = try await Bed([Bed.fhir(server)], loops: 2)
        let records = await withTaskGroup(of: StudyRecord?.self) { group in
            for index in 0..<20 { group.addTask { try? await bed.resolve(on: index % 2).get().record } }
            group.addTask {
                // The loops run what they are given in order: behind this, the others wait already.
                for loop in bed.loops.loops { await withCheckedContinuation { done in loop.spawn { done.resume() } } }
                for _ in 0..<20 { gate.open() }
                return nil
            }
            return await group.reduce(into: [StudyRecord]()) { all, record in all += record.map { [$0] } ?? [] }
        }
        #expect(records.count == 20)
        #expect(records.allSatisfy { $0.study.string == studyUID })
        #expect(server.questions.count == 1)
    }

    @Test func triesOtherFormsAndKeepsTheOneThatWorks() async throws {
        let server = try ScriptedServer { question in
            question.target.contains("identifier=1.2") ? .json(bundle(study())) : .json(bundle())
        }
        let bed = try await Bed([Bed.fhir(server)])
        _ = try await bed.record()
        #expect(server.questions.count == 3)
        server.forgetQuestions()
        bed.advance(by: .seconds(301))
        server.answer { question in
            question.target.contains("identifier=1.2") ? .json(bundle(study(version: nil))) : .status(412)
        }
        _ = try await bed.record()
        #expect(server.targets.last?.contains("identifier=1.2") == true)
        #expect(!server.targets.contains { $0.contains("urn:oid") })
    }

    @Test func doesWithoutIncludeWhereItIsRefused() async throws {
        let server = try ScriptedServer { question in
            if question.target.hasPrefix("/fhir/Endpoint/e") { return .json(endpoint("e")) }
            return question.target.contains("_include") ? .status(400) : .json(bundle(study(endpoints: ["Endpoint/e"])))
        }
        let bed = try await Bed([Bed.fhir(server)])
        #expect(try await bed.record().endpoints.map(\.status) == [.active])
        server.forgetQuestions()
        _ = await bed.failure("1.2.3")
        #expect(!server.targets.contains { $0.contains("_include") })
    }

    @Test func doesNotAskAgainInAFormThatWasRefused() async throws {
        let server = try ScriptedServer { question in
            question.target.contains("study=") ? .status(400) : .json(bundle())
        }
        let bed = try await Bed([Bed.fhir(server)])
        #expect(await bed.failure("1.2.3") == .notFound)
        #expect(await bed.failure("1.2.4") == .notFound)
        #expect(server.targets.filter { $0.contains("study=") }.count == 1)
        server.answer { _ in .status(400) }
        #expect(
            await bed.failure("1.2.5")
                == .unavailable(
                    source: "fhir hospital", timedOut: false, detail: "it refuses to search for a Study Instance UID"))
    }

    @Test func fetchesMissingEndpointsAndLeavesDanglingOnes() async throws {
        let server = try ScriptedServer { question in
            switch question.target {
            case "/fhir/Endpoint/a": .json(endpoint("a", address: "http://a.example"))
            case "/fhir/Endpoint/b": .json(endpoint("b", address: "http://b.example"))
            case "/fhir/Endpoint/gone": .status(410)
            case let target where target.hasPrefix("/fhir/Endpoint"): .status(404)
            default:
                .json(
                    bundle(
                        study(
                            endpoints: [
                                "Endpoint/a", "Endpoint/gone", "Endpoint/included", "http://evil.example/Endpoint/1",
                            ],
                            seriesEndpoints: ["Endpoint/b", "Endpoint/never", "Endpoint/a"]), endpoint("included")))
            }
        }
        let bed = try await Bed([Bed.fhir(server)])
        let record = try await bed.record()
        #expect(record.endpoints.map(\.status) == [.active, .unresolved, .active, .unresolved])
        #expect(record.series.first?.endpoints.map(\.address) == ["http://b.example", "", "http://a.example"])
        #expect(server.targets.filter { $0 == "/fhir/Endpoint/a" }.count == 1)
        #expect(bed.log.contains("fhir hospital: study \(studyUID): Endpoint/gone does not exist"))
        #expect(bed.log.contains { $0.hasSuffix("an endpoint lies on another server, which is not asked") })
        #expect(!bed.log.contains { $0.contains("evil") })
    }

    @Test func readsMoreEndpointsThanItReadsAtOnceAndBoundsThem() async throws {
        let names = (0..<100).map { "Endpoint/e\($0)" }
        let server = try ScriptedServer { question in
            question.target.hasPrefix("/fhir/Endpoint/")
                ? .json(endpoint(String(question.target.dropFirst("/fhir/Endpoint/".count))))
                : .json(bundle(study(endpoints: names)))
        }
        let bed = try await Bed([Bed.fhir(server)])
        let endpoints = try await bed.record().endpoints
        #expect(endpoints.map(\.id) == names)
        #expect(endpoints.count { $0.status == .active } == 64)
    }

    /// Each server has its own credentials, and a reference is data: it must not choose whose are sent where.
    @Test(arguments: [Backend.Role.images, .directory]) func asksNoOtherServerForAnEndpoint(
        role: Backend.Role
    ) async throws {
        let other = try ScriptedServer { _ in .json(endpoint("x", address: "http://x.example")) }
        let reference = "http://127.0.0.1:\(other.port)/r4/Endpoint/x"
        let server = try ScriptedServer { _ in .json(bundle(study(endpoints: [reference]))) }
        var backend = Backend(name: "other", match: try #require(HTTPURL("http://127.0.0.1:\(other.port)/r4")))
        backend.role = role
        let bed = try await Bed([Bed.fhir(server)], backends: [backend])
        #expect(try await bed.record().endpoints.map(\.status) == [.unresolved])
        #expect(other.questions.isEmpty)
    }

    /// The other server's base lies under this one's.
    @Test func asksNoServerWithinItselfForAnEndpoint() async throws {
        let server = try ScriptedServer { _ in .json(bundle(study(endpoints: ["inner/Endpoint/x"]))) }
        let base = "http://127.0.0.1:\(server.port)/fhir"
        server.answer { _ in .json(bundle(study(endpoints: [base + "/inner/Endpoint/x"]))) }
        var inner = Backend(name: "inner", match: try #require(HTTPURL(base + "/inner")))
        inner.role = .directory
        let bed = try await Bed([Bed.fhir(server)], backends: [inner])
        #expect(try await bed.record().endpoints.map(\.status) == [.unresolved])
        #expect(!server.targets.contains { $0.contains("inner") })
    }

    @Test func treatsAnEndpointThatCannotBeAskedForAsAFailure() async throws {
        let server = try ScriptedServer { question in
            question.target.hasPrefix("/fhir/Endpoint") ? .status(503) : .json(bundle(study(endpoints: ["Endpoint/a"])))
        }
        let bed = try await Bed([Bed.fhir(server)])
        #expect(await bed.failure() == .unavailable(source: "fhir hospital", timedOut: false, detail: "HTTP 503"))
    }

    // MARK: Answers that cannot be trusted

    @Test func doesNotTakeOtherStudiesForTheOneAskedFor() async throws {
        let server = try ScriptedServer { _ in
            .json(bundle(study("1.2.840.99.2"), study("1.2.840.99.3"), next: "/fhir/ImagingStudy?page=2"))
        }
        let bed = try await Bed([Bed.fhir(server)])
        #expect(await bed.failure() == .notFound)
        #expect(server.questions.count == 4)
        #expect(bed.log.contains { $0.contains("brought other studies") })
        #expect(bed.directory.studies().isEmpty)
    }

    @Test func findsTheRightStudyAmongOthers() async throws {
        let server = try ScriptedServer { _ in .json(bundle(study("1.2.840.99.2"), study())) }
        let bed = try await Bed([Bed.fhir(server)])
        #expect(try await bed.record().study.string == studyUID)
    }

    @Test func followsPages() async throws {
        let server = try ScriptedServer { question in
            question.target.contains("page=2")
                ? .json(bundle(study(endpoints: ["Endpoint/e"])))
                : .json(bundle(endpoint("e"), next: "ImagingStudy?page=2"))
        }
        let bed = try await Bed([Bed.fhir(server)])
        #expect(try await bed.record().endpoints.map(\.status) == [.active])
        #expect(server.targets.last == "/fhir/ImagingStudy?page=2")
    }

    @Test func endsPagingThatLoops() async throws {
        let server = try ScriptedServer { _ in .json(bundle(study(), next: "ImagingStudy?page=2")) }
        let bed = try await Bed([Bed.fhir(server)])
        #expect(
            await bed.failure()
                == .unavailable(source: "fhir hospital", timedOut: false, detail: "its pages lead in a circle"))
        #expect(server.questions.count == 2)
    }

    @Test func endsPagingThatNeverEnds() async throws {
        let page = Mutex(0)
        let server = try ScriptedServer { _ in
            .json(bundle(next: "ImagingStudy?page=\(page.withLock { $0 += 1; return $0 })"))
        }
        let bed = try await Bed([Bed.fhir(server)])
        #expect(
            await bed.failure()
                == .unavailable(source: "fhir hospital", timedOut: false, detail: "it has more than 50 pages"))
        #expect(server.questions.count == 50)
    }

    @Test func doesNotFollowPagesElsewhere() async throws {
        let other = try ScriptedServer { _ in .json(bundle(study())) }
        let server = try ScriptedServer { _ in .json(bundle(next: "http://127.0.0.1:\(other.port)/fhir/ImagingStudy")) }
        let bed = try await Bed([Bed.fhir(server)])
        #expect(
            await bed.failure()
                == .unavailable(
                    source: "fhir hospital", timedOut: false, detail: "its next link leads away from its base"))
        #expect(other.questions.isEmpty)
    }

    /// Texts and how often they stand behind each other.
    @Test(arguments: [
        ("[", 10 << 20), ("{\"a\":", 20_000), ("x", 100_000), ("", 1), ("null", 1), ("\"ImagingStudy\"", 1),
        (#"{"resourceType":"Patient"}"#, 1), (#"{"resourceType":"Bundle","entry":7}"#, 1), ("<html></html>", 1),
        (study(), 1),
    ])
    func saysThatJunkIsUnusable(text: String, count: Int) async throws {
        let junk = String(repeating: text, count: count)
        let server = try ScriptedServer { _ in .json(junk) }
        let bed = try await Bed([Bed.fhir(server)])
        guard case .unavailable("fhir hospital", false, let detail)? = await bed.failure() else {
            Issue.record("junk was taken for an answer")
            return
        }
        #expect(detail.hasPrefix("its answer"))
        #expect(detail.utf8.count < 200)
    }

    @Test func boundsTheSizeOfAllPages() async throws {
        let server = try ScriptedServer { question in
            .json(bundle(next: "ImagingStudy?page=2") + String(repeating: " ", count: 6000))
        }
        var limits = DirectoryLimits()
        limits.answer = 10_000
        let bed = try await Bed([Bed.fhir(server)], limits: limits)
        guard case .unavailable(_, false, let detail)? = await bed.failure() else {
            Issue.record("it read on")
            return
        }
        #expect(detail.hasPrefix("its answer is larger than"))
    }

    @Test func refusesDifferentSubjects() async throws {
        let server = try ScriptedServer { _ in
            .json(bundle(study(id: "a", patient: "Patient/7"), study(id: "b", patient: "Patient/8")))
        }
        let bed = try await Bed([Bed.fhir(server)])
        #expect(await bed.failure() == .conflictingSubjects)
        #expect(await bed.failure() == .conflictingSubjects)
        #expect(server.questions.count == 1)
        #expect(bed.log == ["fhir hospital: study \(studyUID): different subjects in ImagingStudy/a, ImagingStudy/b"])
    }

    @Test(arguments: [(401, false), (403, false), (404, false), (429, false), (500, false), (503, false), (504, true)])
    func mapsErrorsOfTheServer(status: Int, timedOut: Bool) async throws {
        let server = try ScriptedServer { _ in .status(status) }
        let bed = try await Bed([Bed.fhir(server)])
        guard case .unavailable("fhir hospital", timedOut, let detail)? = await bed.failure() else {
            Issue.record("HTTP \(status) was taken for an answer")
            return
        }
        #expect(detail.contains("HTTP \(status)"))
        #expect(!detail.contains("127.0.0.1"))
    }

    @Test func readsAnOutcomeInsteadOfABundle() async throws {
        let server = try ScriptedServer { _ in
            .json(
                #"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"throttled","diagnostics":"SECRET"}]}"#
            )
        }
        let bed = try await Bed([Bed.fhir(server)])
        #expect(
            await bed.failure()
                == .unavailable(source: "fhir hospital", timedOut: false, detail: "OperationOutcome throttled"))
        #expect(!bed.log.contains { $0.contains("SECRET") })
    }

    private func uid(_ text: String) throws -> UID { try #require(UID(text)) }
}
