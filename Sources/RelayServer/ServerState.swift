import Synchronization

/// The addresses of a server, and whether it stops: read for operators, changed at start and stop only.
final class ServerState: Sendable {
    private struct Contents {
        var addresses: [String] = []
        var isStopping = false
    }

    private let contents = Mutex(Contents())

    /// Addresses with their real ports; still known when they are closed.
    var addresses: [String] { self.contents.withLock { $0.addresses } }

    var isStopping: Bool { self.contents.withLock { $0.isStopping } }

    func opened(_ address: String) { self.contents.withLock { $0.addresses.append(address) } }

    func stop() { self.contents.withLock { $0.isStopping = true } }
}
