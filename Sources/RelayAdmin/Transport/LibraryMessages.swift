import RelayCore
import Synchronization

/// How often libmicrohttpd is heard: nearly all that it says is about clients, who could fill the log by what they do wrong.
///
/// A kind of message is what the library gives the same format, of which it has some hundred: so this stays small, whatever is in the
/// messages.
final class LibraryMessages: Sendable {
    /// The kind of a message of our own: a connection was closed for another's sake. No format has this address.
    static let eviction: UInt = 0

    private let limit = Mutex(LogLimit<UInt>())

    /// Counts a message.
    ///
    /// - Parameter kind: the address of its format.
    /// - Returns: how many of its kind were held back since the last one that was not; `nil` to hold this one back.
    func admit(_ kind: UInt, now: ContinuousClock.Instant = .now) -> Int? {
        self.limit.withLock { $0.admit(kind, at: now) }
    }
}
