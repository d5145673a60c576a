// How an input is cut: whatever arrives piece by piece must come out the same for every way in which it arrives.

extension [UInt8] {
    /// The bytes in pieces: whole, in single bytes while they are few, and in pieces that follow from the bytes themselves.
    var splits: [[[UInt8]]] {
        var splits = [[self], pieces(upTo: 7), pieces(upTo: 300)]
        if count <= 4096 { splits.append(map { [$0] }) }
        return splits
    }

    /// Some of them empty.
    private func pieces(upTo length: Int) -> [[UInt8]] {
        var random = UInt64(count) &+ 0x9E37_79B9_7F4A_7C15
        var pieces: [[UInt8]] = []
        var start = 0
        while start < count {
            random ^= UInt64(self[start])
            random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let end = Swift.min(count, start + Int(random >> 33) % (length + 1))
            pieces.append(Array(self[start..<end]))
            start = end
        }
        return pieces
    }
}

/// Requires that a reader comes to the same result however the bytes are cut; gives that result.
@discardableResult
func sameForEverySplit<Result: Equatable>(_ bytes: [UInt8], _ read: ([[UInt8]]) -> Result) -> Result {
    let splits = bytes.splits
    let whole = read(splits[0])
    for split in splits.dropFirst() {
        let result = read(split)
        require(result == whole, "in \(split.count) pieces: \(result), and as a whole: \(whole)")
    }
    return whole
}
