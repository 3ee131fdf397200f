import NIOCore
import RelayCore

/// Both ends of a connection as the kernel gave them at `accept4`. After a reset a socket has no peer address any more.
struct ConnectionAddresses: Equatable, Sendable {
    /// The peer.
    var remote: PeerAddress
    /// Where it connected to.
    var local: PeerAddress

    /// Neither is known.
    static let unknown = ConnectionAddresses(remote: PeerAddress(nil), local: PeerAddress(nil))
}

/// A connection between the acceptor and its event loop.
struct AcceptedSocket: Sendable {
    /// Owned by who has this.
    var descriptor: CInt
    var addresses: ConnectionAddresses
    var listener: ListenerOptions
}
