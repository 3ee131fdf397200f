import NIOCore
import RelayCore
import Synchronization

/// An entry that the acceptor passes to one event loop.
enum Arrival: Sendable {
    /// A connection that the limiter counts.
    case connection(AcceptedSocket)
    /// A connection that was closed as soon as it was accepted; the limiter does not count it.
    case refused(ConnectionAddresses, CloseReason)
}

/// Connections on their way from the acceptor to one event loop, in the order in which they were accepted.
final class Arrivals: Sendable {
    private struct State {
        var waiting = CircularBuffer<Arrival>(initialCapacity: 0)
        /// Whether the event loop has been woken, and takes the entries that wait.
        var isBeingTaken = false
    }

    private let state = Mutex(State())

    /// Arrivals that the event loop has not taken.
    var count: Int { self.state.withLock { $0.waiting.count } }

    /// - Returns: whether the event loop has to be woken.
    func add(_ arrival: Arrival) -> Bool {
        self.state.withLock { state in
            state.waiting.append(arrival)
            defer { state.isBeingTaken = true }
            return !state.isBeingTaken
        }
    }

    /// The oldest arrivals, at most `limit`, and whether there are more: the caller then has to call again.
    func take(_ limit: Int) -> (arrivals: [Arrival], isMore: Bool) {
        self.state.withLock { state in
            let arrivals = Array(state.waiting.prefix(limit))
            state.waiting.removeFirst(arrivals.count)
            state.isBeingTaken = !state.waiting.isEmpty
            return (arrivals, state.isBeingTaken)
        }
    }
}
