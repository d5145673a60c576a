// Some work done ahead of its turn: what is obtained for a collection, while what comes before it is being sent.

/// Obtains values for items, a few ahead, and delivers them one after the other in the items' order.
///
/// An item counts as under way until its value is delivered, so that a slow client does not let the gateway run ahead of
/// it. The first failure in the items' order ends it all, and what is under way is cancelled; so it is when the
/// surrounding task is cancelled. Runs on the caller's loop, as its task prefers.
///
/// - Parameters:
///   - ahead: how many items are under way at once, at least 1.
///   - deliver: is never called again before it has returned.
/// - Throws: what `obtain` or `deliver` has thrown.
func inOrder<Item: Sendable, Value: Sendable>(
    _ items: [Item], ahead: Int, obtain: @escaping @Sendable (Item) async throws(Problem) -> Value,
    deliver: (Value) async throws(Problem) -> Void
) async throws(Problem) {
    let end: Result<Void, Problem> = await withTaskGroup(of: (Int, Result<Value, Problem>).self) { group in
        var arrived: [Int: Result<Value, Problem>] = [:]
        var begun = 0
        do throws(Problem) {
            for index in items.indices {
                while begun < min(items.count, index + max(1, ahead)) {
                    let (number, item) = (begun, items[begun])
                    group.addTask { (number, await result(of: item, by: obtain)) }
                    begun += 1
                }
                while arrived[index] == nil, let (number, result) = await group.next() { arrived[number] = result }
                guard let result = arrived.removeValue(forKey: index) else { throw .unproven }
                try await deliver(try result.get())
            }
            return .success(())
        } catch {
            group.cancelAll()
            return .failure(error)
        }
    }
    try end.get()
}

private func result<Item, Value>(
    of item: Item, by obtain: (Item) async throws(Problem) -> Value
) async -> Result<Value, Problem> {
    do throws(Problem) { return .success(try await obtain(item)) } catch { return .failure(error) }
}
