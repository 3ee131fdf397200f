import NIOCore
import Synchronization

/// The listeners of a server, and whether it stops: asked by operators, changed at start and stop only.
final class ServerState: Sendable {
    private struct Contents {
        var listeners: [any Channel] = []
        var addresses: [String] = []
        var isStopping = false
    }

    private let contents = Mutex(Contents())

    /// Addresses with their real ports; still known when they are closed.
    var addresses: [String] { self.contents.withLock { $0.addresses } }

    var isStopping: Bool { self.contents.withLock { $0.isStopping } }

    var isListening: Bool { self.contents.withLock { !$0.listeners.isEmpty } }

    func opened(_ channel: any Channel, address: String) {
        self.contents.withLock {
            $0.listeners.append(channel)
            $0.addresses.append(address)
        }
    }

    /// Hands out the listeners to be closed: the server stops.
    func takeListeners() -> [any Channel] {
        self.contents.withLock { contents in
            defer { contents.listeners = [] }
            contents.isStopping = true
            return contents.listeners
        }
    }
}
