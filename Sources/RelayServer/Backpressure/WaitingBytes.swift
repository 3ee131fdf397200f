import Synchronization

/// The memory of frames on all event loops that are held, or that wait for a terminal between two loops. Their senders may be on
/// another loop, and are held back by the sum.
final class WaitingBytes: Sendable {
    private let sum = Atomic(0)

    var total: Int { self.sum.load(ordering: .relaxed) }

    func add(_ bytes: Int) { self.sum.wrappingAdd(bytes, ordering: .relaxed) }
}
