import Synchronization

/// How often libmicrohttpd is heard: nearly all that it says is about clients, who could fill the log by what they do wrong.
///
/// A kind of message is what the library gives the same format, of which it has some hundred: so this stays small, whatever is in the
/// messages.
final class LibraryMessages: Sendable {
    private struct Kind {
        var heardAt: ContinuousClock.Instant
        /// Messages since then.
        var heldBack = 0
    }

    /// One of each kind is enough for so long.
    private static let quiet = Duration.seconds(60)

    /// The kind of a message of our own: a connection was closed for another's sake. No format has this address.
    static let eviction: UInt = 0

    private let kinds = Mutex<[UInt: Kind]>([:])

    /// Counts a message.
    ///
    /// - Parameter kind: the address of its format.
    /// - Returns: how many of its kind were held back since the last one that was not; `nil` to hold this one back.
    func admit(_ kind: UInt, now: ContinuousClock.Instant = .now) -> Int? {
        self.kinds.withLock { kinds in
            if let last = kinds[kind], now - last.heardAt < Self.quiet {
                kinds[kind]?.heldBack += 1
                return nil
            }
            return kinds.updateValue(Kind(heardAt: now), forKey: kind)?.heldBack ?? 0
        }
    }
}
