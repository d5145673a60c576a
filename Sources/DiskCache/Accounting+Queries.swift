// What is asked of the accounting, by evictions and operators. In the background only.
import CachePolicy
import DICOM
import Synchronization

extension Accounting {
    private var pins: Set<Pin> { state.withLock { $0.pins } }

    /// The series that go to make room, in order. One with more than `unit` bytes is the last.
    func victims(needed: SpaceNeeded, unit: Int64) -> [Victim] {
        let (now, pins) = (now, pins)
        return ask { store throws(SQLiteError) in
            try store.victims(needed: needed, unit: unit, now: now, keeping: pins)
        } ?? []
    }

    /// The series that lose what a class or a backend has too much, and how many bytes of it each holds.
    func holders(of selection: CacheSelection, toFree bytes: Int64) -> [Victim] {
        let pins = pins
        return ask { store throws(SQLiteError) in
            try store.holders(of: selection, toFree: bytes, keeping: pins)
        } ?? []
    }

    /// The series that a selection means, in the order of their keys.
    func list(_ selection: CacheSelection, after key: SeriesKey?, limit: Int) -> [SeriesEntry] {
        let (now, pins) = (now, pins)
        return ask { store throws(SQLiteError) in
            try store.list(selection, after: key, limit: limit, now: now, pins: pins)
        } ?? []
    }

    /// Other pins count from now on.
    func setPins(_ pins: Set<Pin>) {
        state.withLock { $0.pins = pins }
        flush()
    }
}
