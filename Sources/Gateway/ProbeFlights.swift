// Which abilities are being found out at this moment, so that each is asked for once, however many want to know. Process-wide;
// must not know how they are found out.
import Synchronization
import WADO

/// Abilities under way; may be used from any loop.
final class ProbeFlights: Sendable {
    /// Why nothing was found out.
    struct Failure: Sendable {
        var problem: Problem
        /// Whose picture it was; nil where any other request would fare the same.
        var target: InstanceTarget?
    }

    private struct Key: Hashable {
        var archive: AbilityBook.Archive
        var ability: Ability
    }

    private typealias Waiter = CheckedContinuation<Failure?, Never>

    private let flights = Mutex<[Key: [Waiter]]>([:])

    /// Takes those that nobody is finding out; the caller must land each.
    func claim(_ abilities: [Ability], of archive: AbilityBook.Archive) -> [Ability] {
        flights.withLock { flights in
            abilities.filter { ability in
                let key = Key(archive: archive, ability: ability)
                guard flights[key] == nil else { return false }
                flights[key] = []
                return true
            }
        }
    }

    /// Waits for somebody else's.
    ///
    /// - Returns: nil once something is known, or when nobody is under way any more.
    func landing(of ability: Ability, of archive: AbilityBook.Archive) async -> Failure? {
        await withCheckedContinuation { waiter in
            let isWaiting = flights.withLock { flights in
                let key = Key(archive: archive, ability: ability)
                guard flights[key] != nil else { return false }
                flights[key]?.append(waiter)
                return true
            }
            if !isWaiting { waiter.resume(returning: nil) }
        }
    }

    /// - Parameter failure: nil when something is known now.
    func land(_ ability: Ability, of archive: AbilityBook.Archive, _ failure: Failure?) {
        let waiters = flights.withLock { $0.removeValue(forKey: Key(archive: archive, ability: ability)) } ?? []
        for waiter in waiters { waiter.resume(returning: failure) }
    }
}
