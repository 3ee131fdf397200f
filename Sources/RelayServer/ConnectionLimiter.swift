import Synchronization

/// Counts open connections over all event loops, and says when there are enough.
final class ConnectionLimiter: Sendable {
    private let open = Atomic<Int>(0)
    private let nextID = Atomic<UInt64>(1)
    private let nextRegistration = Atomic<UInt64>(1)
    let maximum: Int

    init(maximum: Int) {
        self.maximum = maximum
    }

    /// Connections open now.
    var count: Int { self.open.load(ordering: .relaxed) }

    /// Counts a connection that was accepted.
    ///
    /// - Returns: `false` when it is one too many; it counts until ``leave()`` all the same.
    func enter() -> Bool {
        self.open.wrappingAdd(1, ordering: .relaxed).newValue <= self.maximum
    }

    /// A connection has ended.
    func leave() {
        self.open.wrappingSubtract(1, ordering: .relaxed)
    }

    /// A number for a registration: higher for the later one, on whichever event loop.
    func makeRegistration() -> UInt64 {
        self.nextRegistration.wrappingAdd(1, ordering: .relaxed).oldValue
    }

    /// A number for a connection, unique in this process.
    func makeID() -> UInt64 {
        self.nextID.wrappingAdd(1, ordering: .relaxed).oldValue
    }
}
