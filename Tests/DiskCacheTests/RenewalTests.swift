import CachePolicy
import DICOM
import DiskCache
import FHIR
import Foundation
import Testing

/// Objects of another epoch, and the documents that tell which it is.
@Suite struct RenewalTests {
    @Test func theSameBytesKeepTheirTagAndOthersDoNot() async throws {
        let bed = try CacheBed()
        let cache = try bed.cache()
        let key = try key()
        try await renew(cache, key, body(5000), tag: "first", epoch: 1)
        try await renew(cache, key, body(5000), tag: "second", epoch: 2)
        #expect(try await cache.hit(key).description.etag == "first")
        #expect(try await cache.hit(key).description.epoch == 2)
        try await renew(cache, key, body(5000, seed: 2), tag: "third", epoch: 3)
        #expect(try await cache.hit(key).description.etag == "third")
        await cache.close()
    }

    @Test func aFillOfAnOlderEpochIsNotFollowed() async throws {
        let bed = try CacheBed()
        let cache = try bed.cache()
        let key = try key()
        guard case .fill(let old, let listener) = try await cache.open(key, epoch: 1) else {
            throw Unexpected(what: "no licence")
        }
        guard case .follow = try await cache.open(key, epoch: 1) else { throw Unexpected(what: "nothing to follow") }
        guard case .follow = try await cache.open(key) else { throw Unexpected(what: "nothing to follow") }
        guard case .fill(let new, let other) = try await cache.open(key, epoch: 2) else {
            throw Unexpected(what: "an older fill was followed")
        }
        // The older one ends first; it is whole for those who follow it, and gives way.
        try await fill(old, body(10), tag: "old", epoch: 1)
        #expect(try await listener.object().bytes() == body(10))
        try await fill(new, body(20), tag: "new", epoch: 2)
        #expect(try await other.object().bytes() == body(20))
        #expect(try await cache.hit(key).description.etag == "new")
        await cache.close()
    }

    @Test func documentsComeBackInTheNextProcess() async throws {
        let bed = try CacheBed()
        let study = try uid("1.2.1")
        let first = try bed.cache()
        let documents = StudyDocuments(of: first)
        #expect(await documents.document(of: study) == nil)
        var document = StudyDocument(
            first: StudyRecord(study: study, subject: "Patient/7"), from: "fhir", confirmedAt: 1, at: 1000)
        documents.keep(document)
        document = document.raised(for: .metadata, at: 2000)
        documents.keep(document)
        #expect(await documents.document(of: study) == document)
        await documents.settle()
        await first.close()

        let second = try bed.cache()
        #expect(await StudyDocuments(of: second).document(of: study) == document)
        await second.close()
    }

    @Test func whatIsNoDocumentIsNone() async throws {
        let bed = try CacheBed()
        let cache = try bed.cache()
        let study = try uid("1.2.1")
        let documents = StudyDocuments(of: cache)
        documents.keep(StudyDocument(first: StudyRecord(study: study), from: "fhir", confirmedAt: 1, at: 1000))
        await documents.settle()
        let path = bed.path + "/objects/" + ObjectPath(documentOf: study, tenant: "_").string
        let text = try String(contentsOfFile: path, encoding: .utf8)
        for damage in ["", "x", String(text.dropLast(3)), text.replacing("fhir", with: "file")] {
            try damage.write(toFile: path, atomically: true, encoding: .utf8)
            #expect(await documents.document(of: study) == nil)
        }
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        #expect(await documents.document(of: study) == nil)
        await cache.close()
    }

    @Test func theLastSeriesTakesTheDocumentWithIt() async throws {
        let bed = try CacheBed()
        let cache = try bed.cache()
        let documents = StudyDocuments(of: cache)
        let study = try key().study
        try await cache.store(body(10), try key(series: 1))
        try await cache.store(body(10), try key(series: 2))
        documents.keep(StudyDocument(first: StudyRecord(study: study), from: "fhir", confirmedAt: 1, at: 1000))
        await documents.settle()
        _ = await cache.purge(study: study, series: try key(series: 1).series)
        #expect(await documents.document(of: study) != nil)
        _ = await cache.purge(study: study, series: try key(series: 2).series)
        #expect(await documents.document(of: study) == nil)
        #expect(bed.files("objects") == [])
        await cache.close()
    }

    private func renew(_ cache: DiskCache, _ key: ObjectKey, _ body: [UInt8], tag: String, epoch: Int64) async throws {
        let opening = try await cache.open(key, epoch: epoch, accepting: { $0.epoch == epoch })
        guard case .fill(let writer, let listener) = opening else {
            throw Unexpected(what: "no licence to fill")
        }
        try await fill(writer, body, tag: tag, epoch: epoch)
        listener.leave()
    }

    private func fill(_ writer: FillWriter, _ body: [UInt8], tag: String, epoch: Int64) async throws {
        try await writer.begin(
            ObjectDescription(mediaType: "application/dicom", backend: "pacs", etag: tag, epoch: epoch),
            expectedLength: nil)
        try await writer.append(body)
        try await writer.commit()
    }
}
