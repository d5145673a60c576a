// The known name that an unknown one was probably meant to be. For keys, options and commands alike.

/// The candidate nearest to `word`, nil when none is near enough to be a slip of the finger.
package func nearest(to word: String, among candidates: some Sequence<String>) -> String? {
    let limit = max(1, min(3, word.count / 3 + 1))
    var best: (candidate: String, distance: Int)?
    for candidate in candidates {
        let distance = editDistance(word.lowercased(), candidate.lowercased())
        if distance <= limit, distance < best?.distance ?? .max { best = (candidate, distance) }
    }
    return best?.candidate
}

/// Letters inserted, dropped, replaced, or swapped with their neighbour (optimal string alignment).
///
/// Complexity: the product of both lengths, of which each counts 64 letters at most.
func editDistance(_ left: String, _ right: String) -> Int {
    let left = Array(left.unicodeScalars.prefix(64))
    let right = Array(right.unicodeScalars.prefix(64))
    var before: [Int] = []
    var previous = Array(0...right.count)
    for row in left.indices {
        var current = [row + 1]
        for column in right.indices {
            var distance = min(
                previous[column + 1] + 1, current[column] + 1,
                previous[column] + (left[row] == right[column] ? 0 : 1))
            if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
                distance = min(distance, before[column - 1] + 1)
            }
            current.append(distance)
        }
        (before, previous) = (previous, current)
    }
    return previous[right.count]
}
