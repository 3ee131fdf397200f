import NIOCore
import RelayCore

/// Both ends of a connection as `accept4` returned them. After a reset a socket no longer has a peer address.
struct ConnectionAddresses: Equatable, Sendable {
    /// The peer.
    var remote: PeerAddress
    /// The address that it connected to.
    var local: PeerAddress

    /// Addresses of which neither is known.
    static let unknown = ConnectionAddresses(remote: PeerAddress(nil), local: PeerAddress(nil))
}

/// A connection between the acceptor and its event loop.
struct AcceptedSocket: Sendable {
    /// Closed by the current owner of this value.
    var descriptor: CInt
    var addresses: ConnectionAddresses
    var listener: ListenerOptions
}
