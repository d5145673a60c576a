// What can go wrong in the cache, as its callers see it. A damaged file is no error of its own: it is a miss.

/// Why the cache could not do what it was asked.
package enum CacheError: Error, Sendable {
    /// The body is longer than the cache keeps. Known inside the cache only: such a body passes through.
    case tooLarge(limit: Int64)
    /// The body passes through, and is too long to be had as a whole; it can still be followed.
    case notKept
    /// The filler broke its word; `detail` for the log.
    case io(detail: String)
    /// The object's bytes are not those that were stored. It is dropped already: ask again, and it is fetched anew.
    case damaged
    /// The fill that was followed failed.
    case fillFailed(FillFailure)
}

/// Why a fill ended without an object: travels from the filler to each follower.
package struct FillFailure: Error, Sendable {
    package let underlying: any Error & Sendable

    package init(_ underlying: any Error & Sendable) { self.underlying = underlying }
}

/// The filler went away without ``FillWriter/commit()`` or ``FillWriter/fail(_:)``.
package struct FillDropped: Error, Sendable {}

/// Nobody listened to the fill any more, and it was not worth going on.
package struct FillUnwanted: Error, Sendable {
    package init() {}
}

/// The cache directory can't be used at all; the text is for the operator.
package struct CacheDirectoryError: Error, CustomStringConvertible, Sendable {
    package let description: String
}
