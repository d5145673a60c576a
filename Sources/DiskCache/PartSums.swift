// Sums of stored bytes by class and backend. Values only.
import CachePolicy

/// The objects of one class that came from one backend.
struct PartName: Hashable, Sendable {
    /// A word of `ObjectClass`, or "foreign".
    let objectClass: String
    /// The backend's configured name; empty when it is not known.
    let backend: String

    init(objectClass: String, backend: String) {
        self.objectClass = objectClass
        // A name that no configuration gave is the file's own invention; sums by name must not grow with such files.
        self.backend = backend.utf8.count <= 64 ? backend : ""
    }
}

/// How much there is of each part, and in all.
struct PartSums: Sendable, Equatable {
    private(set) var parts: [PartName: StoredAmount] = [:]
    private(set) var total = StoredAmount()

    mutating func add(_ amount: StoredAmount, to part: PartName) {
        total += amount
        let sum = parts[part, default: StoredAmount()] + amount
        parts[part] = sum == StoredAmount() ? nil : sum
    }

    mutating func add(_ other: PartSums) {
        for (part, amount) in other.parts { add(amount, to: part) }
    }

    mutating func subtract(_ other: PartSums) {
        for (part, amount) in other.parts { add(StoredAmount() - amount, to: part) }
    }

    func sums(by name: KeyPath<PartName, String>) -> [String: StoredAmount] {
        parts.reduce(into: [:]) { $0[$1.key[keyPath: name], default: StoredAmount()] += $1.value }
    }

    func amount(where matches: (PartName) -> Bool) -> StoredAmount {
        parts.reduce(into: StoredAmount()) { if matches($1.key) { $0 += $1.value } }
    }
}
