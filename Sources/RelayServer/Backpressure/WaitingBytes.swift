import Synchronization

/// What frames take in memory, on all event loops, that are held there or wait for a terminal between two of them: their senders
/// may be on another loop, and are held back by the sum.
final class WaitingBytes: Sendable {
    private let sum = Atomic(0)

    var total: Int { self.sum.load(ordering: .relaxed) }

    func add(_ bytes: Int) { self.sum.wrappingAdd(bytes, ordering: .relaxed) }
}
