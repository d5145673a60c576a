import DICOM
import FHIR
import StudyDirectory
import Testing

@Suite struct ArchiveSourceTests {
    private func uid(_ text: String) throws -> UID { try #require(UID(text)) }

    private func file(_ bed: Bed, _ instance: String, series: String? = nil, study: String = studyUID) throws -> String?
    {
        bed.directory.archiveFile(
            archive: "disk", study: try uid(study), series: try uid(series ?? "\(study).1"), instance: try uid(instance)
        )
    }

    @Test func indexesInstancesAndIsTheirEndpoint() async throws {
        let folder = try TemporaryFolder()
        folder.makeFolder("a")
        try folder.write("a/one", part10(instance: "1.1.10"))
        try folder.write("two.dcm", part10(instance: "1.1.9"))
        try folder.write("other", part10(series: "1.2", instance: "1.2.1"))
        try folder.write("else", part10(study: "1.9", instance: "1.9.1"))
        try folder.write("readme.txt", String(repeating: "not DICOM ", count: 100))
        try folder.write("empty", "")
        let bed = try await Bed([.archive(name: "disk", path: folder.path)])
        let resolution = try await bed.resolve().get()
        #expect(resolution.source == "archive disk")
        #expect(resolution.record.endpoints == [Endpoint(id: "disk", connectionTypes: [.archive], address: "disk")])
        #expect(resolution.record.series.map(\.uid.string) == ["1.2", "\(studyUID).1"])
        #expect(resolution.record.series.last?.instances.map(\.uid.string) == ["1.1.9", "1.1.10"])
        #expect(resolution.record.series.last?.instances.first?.sopClass?.string == "1.2.840.10008.5.1.4.1.1.2")
        #expect(resolution.record.series.last?.numberOfInstances == 2)
        #expect(bed.directory.studies().count == 2)
        #expect(try file(bed, "1.1.10") == "\(folder.path)/a/one")
        #expect(try bed.directory.locate(instance: uid("1.9.1"))?.study == uid("1.9"))
        #expect(bed.log == ["archive disk: 4 instances in 2 studies"])
        let choice = EndpointChoice(record: resolution.record, series: nil, now: "2026-11-24T00:00:00Z", fallback: nil)
        #expect(choice.candidates.map(\.type) == [.archive])
    }

    @Test func givesAFileOnlyUnderItsOwnStudySeriesAndArchive() async throws {
        let folder = try TemporaryFolder()
        try folder.write("one", part10(instance: "1.1.1"))
        let bed = try await Bed([.archive(name: "disk", path: folder.path)])
        #expect(try file(bed, "1.1.1") != nil)
        #expect(try file(bed, "1.1.1", series: "9.9") == nil)
        #expect(try file(bed, "1.1.1", series: "\(studyUID).1", study: "9.9") == nil)
        #expect(try file(bed, "1.1.2") == nil)
        #expect(
            try bed.directory.archiveFile(
                archive: "tape", study: uid(studyUID), series: uid("\(studyUID).1"), instance: uid("1.1.1")) == nil)
    }

    @Test func doesNotFollowLinks() async throws {
        let outside = try TemporaryFolder()
        try outside.write("secret", part10(instance: "1.1.1"))
        let folder = try TemporaryFolder()
        folder.link("file", to: "\(outside.path)/secret")
        folder.link("folder", to: outside.path)
        folder.link("loop", to: folder.path)
        let bed = try await Bed([.archive(name: "disk", path: folder.path)])
        #expect(bed.directory.studies().isEmpty)
        #expect(await bed.failure() == .notFound)
    }

    @Test func seesNewChangedAndDeletedFiles() async throws {
        let folder = try TemporaryFolder()
        try folder.write("one", part10(instance: "1.1.1"))
        try folder.write("two", part10(instance: "1.1.2"))
        let bed = try await Bed([.archive(name: "disk", path: folder.path)])
        let before = try await bed.record()
        await bed.directory.refresh()
        #expect(try await bed.record() == before)

        try folder.write("one", part10(instance: "1.1.1", rows: 8), secondsAgo: 50)
        await bed.directory.refresh()
        let changed = try await bed.record()
        #expect(changed.series == before.series)
        #expect(changed.version != before.version)

        folder.remove("two")
        try folder.write("three", part10(study: "1.9", instance: "1.9.1"))
        bed.advance(by: .seconds(3))
        #expect(await bed.failure("1.9") == nil)
        #expect(try await bed.record().series.first?.instances.map(\.uid.string) == ["1.1.1"])
        #expect(try file(bed, "1.1.2") == nil)
    }

    /// What the cache holds of a study was made of its files: it must hear of each of these.
    @Test(arguments: ["replaced", "as long and as old", "added", "removed", "all removed"])
    func tellsOfAStudyWhoseFilesChanged(how: String) async throws {
        let folder = try TemporaryFolder()
        try folder.write("one", part10(instance: "1.1.1"))
        try folder.write("two", part10(instance: "1.1.2"))
        try folder.write("else", part10(study: "1.9", instance: "1.9.1"))
        let bed = try await Bed([.archive(name: "disk", path: folder.path)])
        await bed.directory.refresh()
        #expect(bed.changes.isEmpty)
        let before = try await bed.record().version
        switch how {
        case "replaced": try folder.write("one", part10(instance: "1.1.1", rows: 8))
        case "as long and as old": try folder.replaceKeepingTimes("one", part10(instance: "1.1.1"))
        case "added": try folder.write("three", part10(instance: "1.1.3"))
        case "removed": folder.remove("two")
        default:
            folder.remove("one")
            folder.remove("two")
        }
        await bed.directory.refresh()
        #expect(bed.changes == ["\(studyUID) archive disk"])
        #expect(bed.changesOfFiles == 1)
        #expect((try? await bed.record().version) != before)
        await bed.directory.refresh()
        #expect(bed.changes.count == 1)
    }

    @Test func takesTheNewerOfTwoFilesOfOneInstance() async throws {
        let folder = try TemporaryFolder()
        try folder.write("a-new", part10(instance: "1.1.1"), secondsAgo: 10)
        try folder.write("b-old", part10(series: "7.7", instance: "1.1.1"), secondsAgo: 20)
        let bed = try await Bed([.archive(name: "disk", path: folder.path)])
        #expect(try file(bed, "1.1.1") == "\(folder.path)/a-new")
        #expect(try await bed.record().series.map(\.uid.string) == ["\(studyUID).1"])
        #expect(bed.log.first == "archive disk: instance 1.1.1 lies in several files; the newest counts")
        try folder.write("c-newest", part10(instance: "1.1.1"), secondsAgo: 5)
        await bed.directory.refresh()
        #expect(try file(bed, "1.1.1") == "\(folder.path)/c-newest")
        #expect(bed.log.filter { $0.contains("several files") }.count == 1)
        folder.remove("a-new")
        folder.remove("c-newest")
        await bed.directory.refresh()
        #expect(try file(bed, "1.1.1", series: "7.7") == "\(folder.path)/b-old")
    }

    /// Names of files may be names of patients.
    @Test func countsBrokenFilesWithoutNamingThem() async throws {
        let folder = try TemporaryFolder()
        let whole = try part10(instance: "1.1.1")
        try folder.write("DOE^JANE.dcm", Array(whole.prefix(200)))
        try folder.write("whole", whole)
        let bed = try await Bed([.archive(name: "disk", path: folder.path)])
        #expect(bed.log.first == "archive disk: 1 new files begin like DICOM and cannot be read")
        #expect(!bed.log.contains { $0.contains("DOE") })
        #expect(bed.directory.studies().count == 1)
    }

    @Test func standsBehindTheServersThatComeFirst() async throws {
        let folder = try TemporaryFolder()
        try folder.write("one", part10(instance: "1.1.1"))
        let server = try ScriptedServer { question in
            question.target.contains(studyUID) ? .json(bundle()) : .json(bundle(study("1.2.3")))
        }
        let bed = try await Bed([Bed.fhir(server), .archive(name: "disk", path: folder.path)])
        #expect(try await bed.resolve().get().source == "archive disk")
        server.stop()
        bed.advance(by: .seconds(60))
        #expect(try await bed.resolve().get().source == "archive disk")
        guard case .unavailable("fhir hospital", _, _)? = await bed.failure("1.2.9") else {
            Issue.record("the server that is down was forgotten")
            return
        }
    }
}
