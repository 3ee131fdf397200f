import RelayCore
import Synchronization

/// The state of the store thread for other threads.
final class StoreReport: Sendable {
    struct Content {
        var health = StoreHealth.healthy
        var statistics = GroupCommitStatistics()

        /// Records the totals of a store whose contents are all durable.
        mutating func noteTotals(of store: any MessageStore) {
            self.statistics.totals = store.totals
            self.statistics.traceTotals = store.traceTotals
        }
    }

    private struct State {
        var content = Content()
        /// `nil` until the store is closed; then the failure of its last commit, if any.
        var end: StoreError??
        var waiting: (@Sendable (StoreError?) -> Void)?
    }

    private let state = Mutex(State())
    /// Event loops read this in every tick.
    private let pending = Atomic(0)

    var pendingBytes: Int { self.pending.load(ordering: .relaxed) }

    func addPending(_ bytes: Int) {
        if bytes != 0 { self.pending.add(bytes, ordering: .relaxed) }
    }

    var current: Content {
        var content = self.state.withLock(\.content)
        content.statistics.pendingBytes = self.pendingBytes
        return content
    }

    func update(_ body: (inout Content) -> Void) {
        self.state.withLock { body(&$0.content) }
    }

    /// Reports that the store is closed.
    func close(_ failure: StoreError?) {
        let waiting = self.state.withLock { state in
            state.content.health = .closed
            state.end = .some(failure)
            return state.waiting
        }
        waiting?(failure)
    }

    /// Calls `body` once when the store is closed, at once if it already is.
    func whenClosed(_ body: @escaping @Sendable (StoreError?) -> Void) {
        let end: StoreError?? = self.state.withLock { state in
            if state.end == nil { state.waiting = body }
            return state.end
        }
        if case .some(let failure) = end { body(failure) }
    }
}
