// The folder changes hands: taken at the start, waited for while another process drains, given back at the end.
import CachePolicy
import EventLoop
import Synchronization

extension CacheDirectory {
    /// Takes the lock. False when it must be waited for.
    ///
    /// - Throws: ``CacheDirectoryError`` when another process has it and does not say that it will let go.
    func takeLock(orWait mayWait: Bool, now: Int64) throws(CacheDirectoryError) -> Bool {
        if lock.take(now: now) { return true }
        let holder = lock.holder
        // Between the two looks it may have let go, or have said that it will.
        if lock.take(now: now) { return true }
        guard mayWait || holder?.isDraining == true else {
            throw CacheDirectoryError(description: "cache folder \(path): \(Holder.refusal(holder))")
        }
        return false
    }
}

extension DiskCache {
    private static let lockPause = Duration.milliseconds(50)

    /// The lock is ours: sweeps what a crash left, and begins to share and to store. Blocks for a file's fsync.
    func own() {
        beginRun()
        directory.sweepFills()
        background.submit { [directory] in directory.sweepTrash() }
        accounting.state.withLock { $0.pins = readPins() }
        accounting.start()
        guard let removals = index.withLock({ $0.open() }) else { return letGo() }
        for removal in removals { remove(tenant: removal.tenant, study: removal.study, series: removal.series) }
        scrubber.start { [weak self] in self }
    }

    /// Tries again now and then. A blocking `flock` would need a thread that nothing could end.
    func waitForLock() {
        log("cache: another process has \(directory.path) still; until it lets go, nothing is cached")
        tryAgain()
    }

    private func tryAgain() {
        timer.execute { [weak self, timer] in
            timer.schedule(after: Self.lockPause) { [weak self] in
                guard let self else { return }
                self.background.submit { self.takeOver() }
            }
        }
    }

    private func takeOver() {
        guard index.withLock({ $0.isWaiting }) else { return }
        guard directory.lock.take(now: clock() / 1000) else { return tryAgain() }
        own()
        log("cache: \(directory.path) was taken over")
    }

    /// Gives the folder to whoever waits for it, as soon as what is whole already has its place: fills under way go on for
    /// those who read them and are not stored. Objects in use stay readable; whatever is opened afterwards is neither shared
    /// nor stored.
    package func close() async {
        stopped.set()
        guard let closed = index.withLock({ $0.beginClosing() }) else { return }
        withExtendedLifetime(closed) {}
        directory.lock.sayDraining()
        await withCheckedContinuation { continuation in
            if !index.withLock({ $0.waitForPublications(continuation) }) { continuation.resume() }
        }
        await scrubber.finish()
        index.withLock { $0.endClosing() }
        await background.run { self.letGo() }
    }

    func publicationEnded() {
        for closer in index.withLock({ $0.publicationEnded() }) { closer.resume() }
    }

    private func letGo() {
        publishing.withLock { _ in }
        accounting.close()
        endRun()
        directory.lock.release()
    }
}
