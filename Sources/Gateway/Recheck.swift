// Holds what is stored of studies in use against their archives: corrections that no record tells of are found by that. Works
// in the background and slowly; must not know how the epoch is kept.
import CachePolicy
import DICOM
import DiskCache
import EventLoop
import FHIR
import HTTP
import StudyDirectory
import Synchronization
import Upstream
import WADO

/// Which studies are to be held against their archives, one at a time for each backend. Safe on any thread.
final class RecheckQueue: Sendable {
    private struct State {
        var waiting: [String: [Resolution]] = [:]
        var known: Set<UID> = []
        var busy: Set<String> = []
    }

    private let state = Mutex(State())
    /// Who comes when so many wait comes again.
    private static let limit = 256

    /// - Returns: whether the caller must begin to work for the backend.
    func add(_ resolution: Resolution, for backend: String) -> Bool {
        state.withLock { state in
            let study = resolution.record.study
            guard state.known.count < Self.limit, state.known.insert(study).inserted else { return false }
            state.waiting[backend, default: []].append(resolution)
            return state.busy.insert(backend).inserted
        }
    }

    /// The next study; nil when there is none, and the work for the backend is over.
    func next(for backend: String) -> Resolution? {
        state.withLock { state in
            guard let next = state.waiting[backend]?.first else {
                state.waiting[backend] = nil
                state.busy.remove(backend)
                return nil
            }
            state.waiting[backend]?.removeFirst()
            return next
        }
    }

    func ended(_ study: UID) { state.withLock { _ = $0.known.remove(study) } }
}

extension Gateway {
    /// Has a study held against its archive in the background, if that was done too long ago. Cheap.
    func recheckIfDue(_ resolution: Resolution, at moment: StudyMoment, on loop: EventLoop) {
        let study = resolution.record.study
        guard settings.recheckInstances > 0, moment.epoch != 0, let last = epochs.lastRecheck(of: study),
            // A clock that was set back makes the last one seem to be to come.
            !(0..<settings.recheckInstances).contains(secondsSince1970() - last),
            failedRechecks.value(for: study, at: loop.now) == nil
        else { return }
        let base = choice(in: resolution, series: nil).candidates.first?.base
        let backend = base.flatMap { upstream.backend(for: $0)?.name } ?? ""
        guard rechecks.add(resolution, for: backend) else { return }
        loop.spawn {
            while let next = self.rechecks.next(for: backend) {
                await self.recheck(next, on: loop)
                self.rechecks.ended(next.record.study)
            }
        }
    }

    private func recheck(_ resolution: Resolution, on loop: EventLoop) async {
        let study = resolution.record.study
        guard let moment = epochs.known(resolution) else { return }
        var isComplete = true
        for sample in await cache.samples(of: study) {
            switch await agrees(sample, resolution, moment, on: loop) {
            case true?: continue
            case nil: isComplete = false
            case false?:
                _ = await epochs.raise(study, from: moment.epoch, for: .metadata)
                return
            }
        }
        if isComplete {
            await epochs.noteRechecked(study, in: moment.epoch)
        } else {
            failedRechecks.remember((), for: study, at: loop.now)
        }
    }

    /// Whether an archive says of an instance what is stored of it; nil when that cannot be told, true when nothing of this
    /// epoch is stored.
    private func agrees(
        _ sample: StoredSample, _ resolution: Resolution, _ moment: StudyMoment, on loop: EventLoop
    ) async -> Bool? {
        let seriesKey = SeriesKey(study: resolution.record.study, series: sample.series)
        var instance = sample.instance
        if instance == nil { instance = await membership(of: seriesKey)?.list.members.first?.instance }
        guard let instance else { return true }
        let target = InstanceTarget(study: seriesKey.study, series: sample.series, instance: instance)
        let choice = choice(in: resolution, series: sample.series)
        guard !passesClientCredentials(choice.candidates), !choice.candidates.isEmpty else { return true }
        let restful = choice.only(choice.candidates.filter { $0.type == .wadoRS })
        // Metadata is small, but only an archive that gave it can say whether it would give the same.
        if !restful.candidates.isEmpty, let stored = await storedMetadata(of: target, moment) {
            let fetched = await fetched(.metadata(.json), of: target, from: restful, moment, on: loop)
            if let fetched, let now = await normalForm(of: .stored(fetched, .bypass)),
                let before = await normalForm(of: stored)
            {
                return now == before
            }
        }
        let object = ObjectClass.instance(syntax: ObjectClass.stored)
        guard let stored = await cache.peek(key(object, of: target)), stored.description.epoch == moment.epoch else {
            return true
        }
        guard let fetched = await fetched(object, of: target, from: choice, moment, on: loop),
            let now = await normalForm(of: .stored(fetched, .bypass)),
            let before = await normalForm(of: .stored(stored, .hit))
        else { return nil }
        return now == before
    }

    private func storedMetadata(of target: InstanceTarget, _ moment: StudyMoment) async -> Obtained? {
        if let object = await cache.peek(key(.metadata(.json), of: target)), object.description.epoch == moment.epoch {
            return .stored(object, .hit)
        }
        return await metadataInSeries(of: target, Demand(moment: moment))
    }

    /// Fetches an object for nobody's answer: it is neither shared nor stored.
    private func fetched(
        _ object: ObjectClass, of target: InstanceTarget, from choice: EndpointChoice, _ moment: StudyMoment,
        on loop: EventLoop
    ) async -> StoredObject? {
        let (writer, follower) = cache.privateFill(key(object, of: target))
        let filler = Filler(
            gateway: self, writer: writer, object: object, target: target, choice: choice, moment: moment, former: nil,
            rendering: RenderingParameters(), translates: false, facts: nil, loop: loop, clientAuthorization: nil)
        run(writer, on: loop) { await filler.run() }
        return try? await follower.object()
    }

    /// What a header says, whichever way it is written down; bulk data and where it lies are left out. Nil when it cannot be
    /// read.
    private func normalForm(of obtained: Obtained) async -> String? {
        let (object, range): (StoredObject, Range<Int64>)
        switch obtained {
        case .stored(let stored, _): (object, range) = (stored, 0..<stored.length)
        case .slice(let stored, let part, _, _): (object, range) = (stored, part)
        default: return nil
        }
        return await derivers.run { () -> String? in
            var document: [UInt8] = []
            if case .metadata = object.key.object {
                guard range.count <= Self.mostOfHeader,
                    let bytes = try? object.readNow(at: range.lowerBound, length: range.count)
                else { return nil }
                document = bytes.filter { $0 != baseURLPlaceholder }
            } else {
                guard let file = try? Part10File(StoredInstance(object: object)) else { return nil }
                let model = JSONModel(bulkDataBase: "")
                guard (try? model.write(file, to: { document += $0 })) != nil else { return nil }
            }
            return JSONNormalForm.text(of: document, leavingOut: ["BulkDataURI", "InlineBinary", "00081190"])
        }
    }

    private static let mostOfHeader = 64 << 20
}
