// The small files beside a study's series: read on workers, written in the background. What they say is others' affair.
package import CachePolicy
package import DICOM
import EventLoop
import Synchronization

/// The documents of the cache's studies. Losing one is no loss but of time: its study's epoch is unknown then.
package final class StudyDocuments: Sendable {
    private struct State {
        /// What is to be written, the newest of each study.
        var waiting: [UID: StudyDocument] = [:]
        var isWriting = false
    }

    private let cache: DiskCache
    private let state = Mutex(State())

    package init(of cache: DiskCache) { self.cache = cache }

    /// The document of a study; nil when there is none that is sound. On a worker.
    package func document(of study: UID) async -> StudyDocument? {
        if let document = state.withLock({ $0.waiting[study] }) { return document }
        return await cache.workers.run { self.read(study) }
    }

    private func read(_ study: UID) -> StudyDocument? {
        let path = ObjectPath(documentOf: study, tenant: Self.tenant)
        guard let file = try? cache.directory.openObject(path),
            let bytes = try? file.read(at: 0, count: StudyDocument.sizeLimit + 1)
        else { return nil }
        let document = StudyDocument(decoding: bytes, of: study)
        cache.note(subject: document?.mark.subject, of: study)
        return document
    }

    /// Writes a document, soon; of several of one study only the last.
    package func keep(_ document: StudyDocument) {
        cache.note(subject: document.mark.subject, of: document.study)
        let mustBegin = state.withLock { state in
            state.waiting[document.study] = document
            defer { state.isWriting = true }
            return !state.isWriting
        }
        if mustBegin { cache.background.submit { self.writeWaiting() } }
    }

    /// Suspends until what was to be kept is on the disk.
    package func settle() async { await cache.background.idle() }

    private func writeWaiting() {
        var next = state.withLock { $0.waiting.values.first }
        while let document = next {
            write(document)
            // Decided in one breath: whoever comes after the last document finds nobody writing.
            next = state.withLock { state in
                // Another may have come while this one was written.
                if state.waiting[document.study] == document { state.waiting[document.study] = nil }
                state.isWriting = !state.waiting.isEmpty
                return state.waiting.values.first
            }
        }
    }

    private func write(_ document: StudyDocument) {
        let directory = cache.directory
        do {
            let file = try directory.makeFillFile()
            try file.descriptor.write(document.encoded(), at: 0)
            try file.descriptor.synchronize()
            let path = ObjectPath(documentOf: document.study, tenant: Self.tenant)
            let isPlaced = try cache.publishing.withLock { _ in
                if cache.index.withLock({ $0.isClosed }) { return false }
                return try directory.publish(file, at: path, replacing: true) != nil
            }
            if !isPlaced { directory.discard(file) }
        } catch {
            // The study is then unknown to the next process.
            cache.failures.note("\(error)")
        }
    }

    private static let tenant = "_"
}
