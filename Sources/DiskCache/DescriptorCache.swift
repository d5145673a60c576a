// A bounded table that forgets what was not asked for lately. Knows no file and takes no lock.

/// At most `capacity` values by key, dropped by second chance (CLOCK): asking costs one dictionary look-up and one store.
struct DescriptorCache<Key: Hashable, Value> {
    private struct Slot {
        let key: Key
        let value: Value
        var wasAsked: Bool
    }

    private var slots: [Slot?] = []
    private var places: [Key: Int] = [:]
    private var freePlaces: [Int] = []
    private var hand = 0
    private let capacity: Int

    init(capacity: Int) { self.capacity = max(1, capacity) }

    var count: Int { places.count }

    var keys: some Collection<Key> { places.keys }

    mutating func value(for key: Key) -> Value? {
        guard let place = places[key] else { return nil }
        slots[place]?.wasAsked = true
        return slots[place]?.value
    }

    /// Takes a value in. Answers those that had to go, so that the caller can let go of them outside its lock.
    mutating func insert(_ value: Value, for key: Key) -> [Value] {
        let slot = Slot(key: key, value: value, wasAsked: false)
        if let place = places[key] {
            let old = slots[place]
            slots[place] = slot
            return [old?.value].compactMap { $0 }
        }
        if let place = freePlaces.popLast() {
            put(slot, at: place)
            return []
        }
        if slots.count < capacity {
            slots.append(nil)
            put(slot, at: slots.count - 1)
            return []
        }
        let place = sweepHand()
        let old = slots[place]
        if let old { places[old.key] = nil }
        put(slot, at: place)
        return [old?.value].compactMap { $0 }
    }

    /// Drops what matches and answers it. O(capacity).
    mutating func remove(where matches: (Key, Value) -> Bool) -> [Value] {
        var removed: [Value] = []
        for place in slots.indices {
            guard let slot = slots[place], matches(slot.key, slot.value) else { continue }
            removed.append(slot.value)
            places[slot.key] = nil
            slots[place] = nil
            freePlaces.append(place)
        }
        return removed
    }

    private mutating func put(_ slot: Slot, at place: Int) {
        slots[place] = slot
        places[slot.key] = place
    }

    /// The next place whose value was not asked for since the hand passed last. Every place is taken here.
    private mutating func sweepHand() -> Int {
        while true {
            defer { hand = (hand + 1) % slots.count }
            guard slots[hand]?.wasAsked == true else { return hand }
            slots[hand]?.wasAsked = false
        }
    }
}
