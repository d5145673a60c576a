// What operators see and remove, and that the numbers are those of the files whatever becomes of the database.
import CachePolicy
import DICOM
import DiskCache
import Foundation
import Synchronization
import Testing

private let thumbnail = ObjectClass.thumbnail(frame: nil, parameters: "", type: "image/jpeg")

@Suite struct OperatorTests {
    /// Three studies of two series: two instances and a thumbnail each, the thumbnails from another backend.
    private func fill(_ cache: DiskCache, _ bed: CacheBed) async throws {
        var other = description
        other.backend = "vna"
        for study in 1...3 {
            cache.note(subject: "Patient/\(study % 2)", of: try uid("1.2.\(study)"))
            for series in 1...2 {
                bed.time.wrappingAdd(1000, ordering: .relaxed)
                for instance in 1...2 {
                    try await cache.store(body(10), try key(study: study, series: series, instance: instance))
                }
                try await cache.store(body(10), try key(study: study, series: series, thumbnail), other)
            }
        }
        await cache.settle()
    }

    @Test func seriesAreListedPageByPageWithTheirParts() async throws {
        let bed = try CacheBed()
        let cache = try bed.cache()
        try await fill(cache, bed)
        var found: [SeriesEntry] = []
        while true {
            let page = await cache.list(CacheSelection(), after: found.last?.key, limit: 4)
            found += page
            if page.count < 4 { break }
        }
        #expect(found.map(\.key.series.string) == ["1.2.1.1", "1.2.1.2", "1.2.2.1", "1.2.2.2", "1.2.3.1", "1.2.3.2"])
        #expect(found.map(\.patient) == [1, 1, 0, 0, 1, 1].map { "Patient/\($0)" })
        for entry in found {
            #expect(entry.bytes == 3 * 8192 && entry.objects == 3 && !entry.isPinned)
            #expect(
                entry.parts == [
                    .init(objectClass: "instance", backend: "pacs", bytes: 2 * 8192, objects: 2),
                    .init(objectClass: "thumbnail", backend: "vna", bytes: 8192, objects: 1),
                ])
        }
        await cache.close()
    }

    static let selections: [(CacheSelection, series: Int, objects: Int)] = [
        (CacheSelection(), 6, 18), (CacheSelection(study: UID("1.2.1")), 2, 6),
        (CacheSelection(study: UID("1.2.1"), series: UID("1.2.1.2")), 1, 3),
        (CacheSelection(series: UID("1.2.3.1")), 1, 3),
        (CacheSelection(patient: "Patient/1"), 4, 12), (CacheSelection(patient: "Patient/9"), 0, 0),
        (CacheSelection(backend: "vna"), 6, 6), (CacheSelection(objectClass: "instance"), 6, 12),
        (CacheSelection(backend: "vna", objectClass: "instance"), 0, 0),
        (CacheSelection(patient: "Patient/0", objectClass: "thumbnail"), 2, 2),
        (CacheSelection(olderThan: .milliseconds(2500)), 3, 9), (CacheSelection(tenant: "other"), 0, 0),
        (CacheSelection(study: UID("9.9")), 0, 0),
    ]

    @Test(arguments: selections) func aPurgeRemovesWhatIsMeantAndSaysItBefore(
        selection: CacheSelection, series: Int, objects: Int
    ) async throws {
        let bed = try CacheBed()
        let cache = try bed.cache()
        try await fill(cache, bed)
        let expected = PurgeResult(series: Int64(series), objects: Int64(objects), bytes: 8192 * Int64(objects))
        #expect(await cache.purge(selection, dryRun: true) == expected)
        #expect(bed.files("objects").count == 18)
        #expect(await cache.purge(selection, dryRun: false) == expected)
        #expect(bed.files("objects").count == 18 - objects && bed.files("trash") == [])
        await cache.settle()
        #expect(cache.statistics().objects == Int64(18 - objects))
        #expect(await cache.purge(selection, dryRun: false) == PurgeResult())
        await cache.close()
    }

    @Test(arguments: [CacheSelection(objectClass: "instance"), CacheSelection(backend: "pacs"), CacheSelection()])
    func aFillOfWhatIsPurgedDoesNotComeBack(selection: CacheSelection) async throws {
        let bed = try CacheBed()
        let cache = try bed.cache()
        let writer = try await cache.filler(try key())
        try await writer.begin(description, expectedLength: 10)
        let other = try await cache.filler(try key(thumbnail))
        var elsewhere = description
        elsewhere.backend = "vna"
        try await other.begin(elsewhere, expectedLength: 10)
        _ = await cache.purge(selection, dryRun: false)
        for fill in [writer, other] {
            try await fill.append(body(10))
            try await fill.commit()
        }
        #expect(await cache.peek(try key()) == nil)
        let isGone = await cache.peek(try key(thumbnail)) == nil
        #expect(isGone == selection.isEverything)
        #expect(cache.statistics().fills == 0 && bed.files("fills") == [])
        try await cache.store(body(20), try key())
        #expect(try await cache.hit(try key()).length == 20)
        await cache.close()
    }

    @Test func whatASeriesHoldsIsReadFromItsFiles() async throws {
        let bed = try CacheBed()
        let cache = try bed.cache()
        try await fill(cache, bed)
        let series = try key().seriesKey
        let found = await cache.contents(of: series, limit: 100)
        #expect(Set(found.map(\.key)) == [try key(), try key(instance: 2), try key(thumbnail)])
        #expect(found.allSatisfy { $0.length == 10 && $0.bytes == 8192 })
        #expect(Set(found.map(\.description.backend)) == ["pacs", "vna"])
        #expect(await cache.contents(of: series, limit: 2).count == 2)
        await cache.close()
    }

    // MARK: The database

    static let losses = ["deleted", "truncated", "garbage"]

    @Test(arguments: losses) func aRebuildGivesTheSameNumbers(how: String) async throws {
        let bed = try CacheBed()
        let first = try bed.cache()
        try await fill(first, bed)
        let (before, entries) = (first.statistics(), await first.list(CacheSelection(), after: nil, limit: 99))
        await first.close()
        try spoil(bed.path + "/accounting.sqlite", how)
        let second = try bed.cache()
        for study in 1...3 { second.note(subject: "Patient/\(study % 2)", of: try uid("1.2.\(study)")) }
        // A purge waits for the rebuild.
        #expect(await second.purge(CacheSelection(), dryRun: true).objects == 18)
        await second.settle()
        let after = second.statistics()
        #expect(after.byClass == before.byClass && after.byBackend == before.byBackend)
        #expect(after.bytes == before.bytes && after.objects == before.objects && after.series == before.series)
        let again = await second.list(CacheSelection(), after: nil, limit: 99)
        #expect(again.map(\.key) == entries.map(\.key) && again.map(\.parts) == entries.map(\.parts))
        #expect(again.map(\.patient) == entries.map(\.patient))
        await second.close()
    }

    @Test(arguments: losses) func aDatabaseThatIsLostWhileItIsUsedDoesNoHarm(how: String) async throws {
        let bed = try CacheBed()
        var cache = try bed.cache()
        try await fill(cache, bed)
        try spoil(bed.path + "/accounting.sqlite", how)
        for series in 10...200 { try await cache.store(body(10), try key(series: series)) }
        await cache.settle()
        #expect(try await cache.hit(try key()).bytes() == body(10))
        _ = await cache.list(CacheSelection(), after: nil, limit: 9)
        await cache.close()
        cache = try bed.cache()
        // Whatever the file says now, the next scan finds the truth.
        _ = await cache.purge(CacheSelection(), dryRun: true)
        await cache.settle()
        #expect(cache.statistics().objects == Int64(bed.files("objects").count))
        await cache.close()
    }

    private func spoil(_ file: String, _ how: String) throws {
        let files = FileManager.default
        switch how {
        case "deleted": for suffix in ["", "-wal"] { try? files.removeItem(atPath: file + suffix) }
        case "truncated": for suffix in ["", "-wal"] { unsafe truncate(file + suffix, 4000) }
        default:
            // In place, under the feet of who has it open.
            for suffix in ["", "-wal"] {
                guard let handle = FileHandle(forWritingAtPath: file + suffix) else { continue }
                try handle.write(contentsOf: Data(body(16384)))
                try handle.close()
            }
        }
    }

    @Test func tablesOfAnotherVersionAreRebuilt() async throws {
        let bed = try CacheBed()
        let first = try bed.cache()
        try await fill(first, bed)
        await first.close()
        let file = bed.path + "/accounting.sqlite"
        var bytes = try Data(contentsOf: URL(fileURLWithPath: file))
        // The user version stands at byte 60 of a database (https://www.sqlite.org/fileformat.html, §1.3).
        bytes[63] = 1
        try bytes.write(to: URL(fileURLWithPath: file))
        let second = try bed.cache()
        await second.settle()
        #expect(second.statistics().objects == 18 && second.statistics().byBackend["vna"]?.objects == 6)
        await second.close()
    }
}
