import RelayCore
import Synchronization

/// Limits the rate of libmicrohttpd's messages. Nearly all of them concern clients, which could otherwise fill the log by their faults.
///
/// Messages of one kind share the library's format string. There are about a hundred, so this remains small, whatever the messages
/// contain.
final class LibraryMessages: Sendable {
    /// The kind of the relay's own message on closed connections. No format has this address.
    static let eviction: UInt = 0

    private let limit = Mutex(LogLimit<UInt>())

    /// Counts a message.
    ///
    /// - Parameter kind: the address of its format.
    /// - Returns: the number of messages of its kind that were held back since the last logged one; `nil` to hold this one back.
    func admit(_ kind: UInt, now: ContinuousClock.Instant = .now) -> Int? {
        self.limit.withLock { $0.admit(kind, at: now) }
    }
}
