import DICOM
import FHIR
import StudyDirectory
import Testing

@Suite struct FileSourceTests {
    @Test func readsBundlesResourcesAndLinesInAllFolders() async throws {
        let folder = try TemporaryFolder()
        folder.makeFolder("a")
        folder.makeFolder("a/b")
        try folder.write(
            "bundle.json", bundle(study("1.2.1", endpoints: ["Endpoint/e"]), endpoint("e", address: "http://own")))
        try folder.write("a/single.JSON", study("1.2.2", endpoints: ["Endpoint/e"]))
        let lines = [study("1.2.3"), endpoint("e", address: "http://shared")].map { $0.split(separator: "\n").joined() }
        try folder.write("a/b/lines.ndjson", lines.joined(separator: "\n") + "\n")
        try folder.write("notes.txt", "no FHIR")
        try folder.write(".hidden.json", study("1.2.4"))
        let bed = try await Bed([.files(path: folder.path)])
        #expect(bed.directory.studies().map(\.study.string).sorted() == ["1.2.1", "1.2.2", "1.2.3"])
        #expect(try await bed.record("1.2.1").endpoints.map(\.address) == ["http://own"])
        #expect(try await bed.record("1.2.2").endpoints.map(\.address) == ["http://shared"])
        #expect(bed.directory.cached(try #require(UID("1.2.3")))?.source == "files \(folder.path)")
        #expect(await bed.failure("1.2.4") == .notFound)
        #expect(bed.log.isEmpty)
    }

    @Test func mergesFilesAndRefusesDifferentSubjects() async throws {
        let folder = try TemporaryFolder()
        try folder.write("a.json", study(id: "a"))
        try folder.write("b.json", study(id: "b"))
        try folder.write("c.json", study("1.2.3", id: "c", patient: "Patient/1"))
        try folder.write("d.json", study("1.2.3", id: "d", patient: "Patient/2"))
        let bed = try await Bed([.files(path: folder.path)])
        #expect(try await bed.record().version == "ImagingStudy/a@1@,ImagingStudy/b@1@")
        #expect(await bed.failure("1.2.3") == .conflictingSubjects)
        #expect(
            bed.log == [
                "files \(folder.path): study 1.2.3: different subjects in c.json: ImagingStudy/c, d.json: ImagingStudy/d"
            ])
    }

    @Test func seesNewChangedAndDeletedFiles() async throws {
        let folder = try TemporaryFolder()
        try folder.write("a.json", study("1.2.1", summary: "old"))
        try folder.write("b.json", study("1.2.2"))
        let bed = try await Bed([.files(path: folder.path)])
        try folder.write("a.json", study("1.2.1", summary: "new"), secondsAgo: 50)
        try folder.write("c.json", study("1.2.3"))
        folder.remove("b.json")
        #expect(await bed.failure("1.2.3") == .notFound)
        bed.advance(by: .seconds(3))
        #expect(await bed.failure("1.2.3") == nil)
        #expect(try await bed.record("1.2.1").summary == "new")
        #expect(await bed.failure("1.2.2") == .notFound)
    }

    @Test func leavesAFileThatIsStillBeingWritten() async throws {
        let folder = try TemporaryFolder()
        let bed = try await Bed([.files(path: folder.path)])
        try folder.write("a.json", study(), secondsAgo: 0)
        await bed.directory.refresh()
        #expect(await bed.failure() == .notFound)
        try folder.write("a.json", study(), secondsAgo: 2)
        await bed.directory.refresh()
        #expect(await bed.failure() == nil)
    }

    /// At the start everything counts; a file that is new then stays, and one that is being written again counts as it was.
    @Test func keepsAFileThatIsWrittenAgain() async throws {
        let folder = try TemporaryFolder()
        try folder.write("new.json", study("1.2.1"), secondsAgo: 0)
        try folder.write("old.json", study("1.2.2", summary: "old"))
        let bed = try await Bed([.files(path: folder.path)])
        try folder.write("old.json", study("1.2.2", summary: "half"), secondsAgo: 0)
        await bed.directory.refresh()
        #expect(await bed.failure("1.2.1") == nil)
        #expect(try await bed.record("1.2.2").summary == "old")
    }

    @Test func keepsWhatABrokenFileHeldBefore() async throws {
        let folder = try TemporaryFolder()
        try folder.write("a.json", study(summary: "whole"))
        try folder.write("never.json", "{")
        let bed = try await Bed([.files(path: folder.path)])
        #expect(
            bed.log == [
                "files \(folder.path): never.json is passed over: not JSON: a member's name is missing (at byte 1)"
            ])
        try folder.write("a.json", #"{"resourceType":"Imag"#, secondsAgo: 50)
        await bed.directory.refresh()
        await bed.directory.refresh()
        #expect(try await bed.record().summary == "whole")
        #expect(bed.log.count == 2)
        #expect(bed.log.last?.hasSuffix("(at byte 21); what it held before still counts") == true)
        try folder.write("a.json", study(summary: "again"), secondsAgo: 40)
        await bed.directory.refresh()
        #expect(try await bed.record().summary == "again")
    }

    @Test func isUnavailableWithoutItsFolder() async throws {
        let folder = try TemporaryFolder()
        try folder.write("a.json", study())
        let missing = try await Bed([.files(path: folder.path + "/none")])
        guard case .unavailable(_, false, let detail)? = await missing.failure() else {
            Issue.record("a missing folder was taken for an empty one")
            return
        }
        #expect(detail.hasPrefix("the folder cannot be read"))
        let bed = try await Bed([.files(path: folder.path)])
        folder.remove("")
        await bed.directory.refresh()
        #expect(try await bed.resolve().get().isStale)
        #expect(bed.log.count == 1)
    }
}
