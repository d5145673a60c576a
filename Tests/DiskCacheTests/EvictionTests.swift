// What goes when room is needed, and what stays.
import CachePolicy
import DICOM
import DiskCache
import Foundation
import Synchronization
import Testing

/// What one object of ``EvictionTests`` takes: a page of header and one of body.
private let page: Int64 = 8192
private let visit: Int64 = 6 * 60 * 1000

@Suite struct EvictionTests {
    private func store(_ cache: DiskCache, _ bed: CacheBed, series: Int, instances: Int = 2) async throws {
        bed.time.wrappingAdd(10, ordering: .relaxed)
        for instance in 1...instances { try await cache.store(body(1000), try key(series: series, instance: instance)) }
        await cache.settle()
    }

    private func read(_ cache: DiskCache, _ bed: CacheBed, series: Int) async throws {
        bed.time.wrappingAdd(visit, ordering: .relaxed)
        _ = try await cache.hit(try key(series: series))
        await cache.settle()
    }

    /// Looked up in the tree, since asking the cache would be a use.
    private func stored(_ bed: CacheBed, _ series: Range<Int>) throws -> [Int] {
        try series.filter { FileManager.default.fileExists(atPath: bed.file(of: try key(series: $0))) }
    }

    @Test func anExportPassesThroughAndLeavesWhatIsReadAgain() async throws {
        let bed = try CacheBed()
        let cache = try bed.cache { $0.maxSize = 20 * page }
        for series in 1...5 { try await store(cache, bed, series: series) }
        for series in 1...5 { try await read(cache, bed, series: series) }
        for series in 100..<160 { try await store(cache, bed, series: series) }
        #expect(try stored(bed, 1..<6) == [1, 2, 3, 4, 5])
        // Whole or not at all.
        for series in 100..<160 {
            let first = await cache.peek(try key(series: series, instance: 1)) != nil
            let second = await cache.peek(try key(series: series, instance: 2)) != nil
            #expect(first == second)
        }
        #expect(cache.statistics().evictedSeries > 50 && cache.statistics().evictedBytes > 100 * page)
        #expect(cache.statistics().bytes <= 20 * page)
        await cache.close()
    }

    @Test func whatComesBackSoonAfterItsTrialSkipsTheNext() async throws {
        let bed = try CacheBed()
        let cache = try bed.cache { $0.maxSize = 20 * page }
        for series in 1...11 { try await store(cache, bed, series: series) }
        #expect(try stored(bed, 1..<4) == [2, 3])
        try await store(cache, bed, series: 1)
        for series in 100..<130 { try await store(cache, bed, series: series) }
        #expect(try stored(bed, 1..<4) == [1])
        await cache.close()
    }

    @Test func aClassAboveItsShareLosesThatClassOfWholeSeries() async throws {
        let bed = try CacheBed()
        let cache = try bed.cache {
            $0.maxSize = 100 * page
            $0.classShares = ["rendered": 10]
        }
        let picture = { (frame: Int) in ObjectClass.rendered(frame: frame, parameters: "", type: "image/jpeg") }
        for series in 1...6 {
            try await store(cache, bed, series: series)
            for frame in 1...2 { try await cache.store(body(10), try key(series: series, picture(frame))) }
            await cache.settle()
        }
        // Twelve pictures were too many; those of the series that would go first went, both of them.
        for frame in 1...2 { #expect(await cache.peek(try key(series: 1, picture(frame))) == nil) }
        for frame in 1...2 { #expect(await cache.peek(try key(series: 2, picture(frame))) != nil) }
        #expect(try stored(bed, 1..<7) == [1, 2, 3, 4, 5, 6])
        #expect(cache.statistics().byClass["rendered"] == StoredAmount(bytes: 10 * page, objects: 10))
        #expect(cache.statistics().evictedSeries == 0 && cache.statistics().evictedBytes == 2 * page)
        #expect(
            !FileManager.default.fileExists(
                atPath: (bed.file(of: try key(picture(1))) as NSString).deletingLastPathComponent))
        await cache.close()
    }

    @Test func aBackendAboveItsShareLosesWholeSeries() async throws {
        let bed = try CacheBed()
        let cache = try bed.cache {
            $0.maxSize = 100 * page
            $0.backendShares = ["pacs": 5]
        }
        var other = description
        other.backend = "vna"
        for instance in 1...8 { try await cache.store(body(10), try key(series: 9, instance: instance), other) }
        for series in 1...3 { try await store(cache, bed, series: series) }
        #expect(try stored(bed, 1..<10) == [2, 3, 9])
        #expect(cache.statistics().byBackend["pacs"]?.objects == 4 && cache.statistics().byBackend["vna"]?.objects == 8)
        await cache.close()
    }

    @Test func aSeriesAboveTheEvictionUnitGoesInstanceByInstance() async throws {
        let bed = try CacheBed()
        let cache = try bed.cache {
            $0.maxSize = 20 * page
            $0.evictionUnit = 8 * page
            // Descriptors would tell which ones are in use.
            $0.maxDescriptors = 1
        }
        for instance in 1...20 {
            try await cache.store(body(10), try key(series: 1, instance: instance))
            try setAge(bed.file(of: try key(series: 1, instance: instance)), hours: Double(30 - instance))
        }
        try setAge(bed.file(of: try key(series: 1, instance: 1)), hours: 0)
        try await store(cache, bed, series: 2, instances: 1)
        let left = bed.files("objects").count
        #expect(left == 19)
        #expect(await cache.peek(try key(series: 2)) != nil)
        var gone: [Int] = []
        for instance in 1...20 where await cache.peek(try key(series: 1, instance: instance)) == nil {
            gone.append(instance)
        }
        #expect(gone == [2, 3])
        #expect(cache.statistics().evictedSeries == 0 && cache.statistics().objects == 19)
        await cache.close()
    }

    private func setAge(_ file: String, hours: Double) throws {
        var times = [timeval(), timeval()]
        let seconds = Int(Date().timeIntervalSince1970 - hours * 3600)
        for index in times.indices { times[index].tv_sec = seconds }
        // Both times are there, and are read before the call returns.
        unsafe #expect(utimes(file, times) == 0)
    }

    @Test func aFileSystemThatRunsOutOfFilesIsRelieved() async throws {
        let bed = try CacheBed()
        let cache = try bed.cache { $0.minFreeInodes = .max }
        try await store(cache, bed, series: 1)
        // Where files are not counted there is never too few of them.
        let isCounted = try inodes(of: bed.path) > 0
        #expect(bed.files("objects").isEmpty == isCounted)
        await cache.close()
    }

    private func inodes(of path: String) throws -> UInt64 {
        var status = statvfs()
        // Written before it is read.
        unsafe #expect(statvfs(path, &status) == 0)
        return UInt64(status.f_files)
    }

    @Test func theLastSeriesTakesItsStudysFolderWithIt() async throws {
        let bed = try CacheBed()
        let cache = try bed.cache { $0.maxSize = 4 * page }
        try await store(cache, bed, series: 1)
        let study = ObjectPath(tenant: "_", study: try uid("1.2.1")).string
        try Data([1]).write(to: URL(fileURLWithPath: bed.path + "/objects/" + study + "/document"))
        for series in 1...4 { try await cache.store(body(10), try key(study: 2, series: series)) }
        await cache.settle()
        #expect(await cache.peek(try key()) == nil)
        #expect(!FileManager.default.fileExists(atPath: bed.path + "/objects/" + study))
        for series in 1...4 {
            _ = await cache.purge(
                CacheSelection(study: try uid("1.2.2"), series: try uid("1.2.2.\(series)")), dryRun: false)
        }
        // Nor is anything left of the folders above it.
        #expect(try FileManager.default.contentsOfDirectory(atPath: bed.path + "/objects/_") == [])
        await cache.close()
    }

    // MARK: Pins

    static let pinned: [Pin] = ["1.2.1"].compactMap { UID($0) }.flatMap { study in
        [.study(study), .patient("Patient/7")]
            + ["1.2.1.1"].compactMap { UID($0) }.map { .series(study: study, series: $0) }
    }

    @Test(arguments: pinned) func pinnedSeriesStayOverRestartsAndTheLossOfTheDatabase(pin: Pin) async throws {
        let bed = try CacheBed()
        let first = try bed.cache { $0.maxSize = 20 * page }
        first.note(subject: "Patient/7", of: try uid("1.2.1"))
        try await store(first, bed, series: 1)
        try await first.pin(pin)
        #expect(first.pins() == [pin])
        await first.settle()
        #expect(first.statistics().pinnedBytes == 2 * page)
        await first.close()

        let second = try bed.cache { $0.maxSize = 20 * page }
        #expect(second.pins() == [pin])
        for series in 1...30 { try await second.store(body(10), try key(study: 2, series: series)) }
        await second.settle()
        #expect(await second.peek(try key()) != nil)
        #expect(
            await second.list(CacheSelection(study: try uid("1.2.1")), after: nil, limit: 9).map(\.isPinned) == [true])
        await second.close()

        try FileManager.default.removeItem(atPath: bed.path + "/accounting.sqlite")
        let third = try bed.cache { $0.maxSize = 20 * page }
        third.note(subject: "Patient/7", of: try uid("1.2.1"))
        await third.settle()
        for series in 31...60 { try await third.store(body(10), try key(study: 2, series: series)) }
        await third.settle()
        #expect(await third.peek(try key()) != nil)
        try await third.unpin(pin)
        #expect(third.pins().isEmpty && third.statistics().pinnedBytes == 0)
        for series in 61...90 { try await third.store(body(10), try key(study: 2, series: series)) }
        await third.settle()
        #expect(await third.peek(try key()) == nil)
        await third.close()
    }

    @Test func aCacheThatIsAllPinnedEvictsNothingAndServes() async throws {
        let bed = try CacheBed()
        let cache = try bed.cache { $0.maxSize = 4 * page }
        try await cache.pin(.study(try uid("1.2.1")))
        for series in 1...8 { try await store(cache, bed, series: series) }
        #expect(try stored(bed, 1..<9) == Array(1...8))
        #expect(await cache.purge(CacheSelection(study: try uid("1.2.1")), dryRun: false).series == 8)
        await cache.close()
    }

    @Test func aPinThatCanNotBeWrittenIsNone() async throws {
        let bed = try CacheBed()
        let cache = try bed.cache()
        try FileManager.default.createDirectory(atPath: bed.path + "/pins", withIntermediateDirectories: false)
        await #expect(throws: CacheError.self) { try await cache.pin(.patient("Patient/7")) }
        await #expect(throws: CacheError.self) { try await cache.pin(.patient("two words")) }
        #expect(cache.pins().isEmpty && bed.files("fills") == [])
        await cache.close()
    }

    // MARK: Clocks

    @Test func aClockThatIsSetBackEvictsNothingWrongly() async throws {
        let bed = try CacheBed()
        let cache = try bed.cache { $0.maxSize = 10 * page }
        for series in 1...4 { try await store(cache, bed, series: series) }
        // A year back, and the new series is the newest still.
        bed.time.wrappingSubtract(365 * 86400 * 1000, ordering: .relaxed)
        try await store(cache, bed, series: 5)
        try await store(cache, bed, series: 6)
        #expect(try stored(bed, 1..<7) == [2, 3, 4, 5, 6])
        let entries = await cache.list(CacheSelection(), after: nil, limit: 9)
        #expect(entries.map(\.lastAccess) == entries.map(\.lastAccess).sorted())
        #expect(await cache.purge(CacheSelection(olderThan: .seconds(3600)), dryRun: true).series == 0)
        await cache.close()
        bed.time.store(0, ordering: .relaxed)
        let next = try bed.cache { $0.maxSize = 10 * page }
        try await store(next, bed, series: 7)
        #expect(try stored(bed, 1..<8) == [3, 4, 5, 6, 7])
        await next.close()
    }
}
