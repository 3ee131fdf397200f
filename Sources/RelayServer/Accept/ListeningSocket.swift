import CLinuxTCP
import NIOCore
import RelayCore

#if canImport(Glibc)
import Glibc
#endif

/// The socket of one listener. Its owner closes it with ``close()``.
struct ListeningSocket: Sendable {
    /// Connections that may wait to be accepted: a fleet that reconnects after an outage should not have to repeat its SYNs.
    private static let backlog: CInt = 4_096

    let descriptor: CInt
    /// The address with its real port.
    let address: PeerAddress
    /// Whether connections have the local address of the listener: not if it listens on all addresses.
    private let isOneAddress: Bool

    /// Binds an address and listens on it.
    ///
    /// - Throws: `IOError` with the system's errno.
    init(_ listener: ListenerOptions, _ options: SocketOptions) throws {
        let address = try SocketAddress(ipAddress: listener.host, port: listener.port)
        let family: CInt = address.protocol == .inet6 ? AF_INET6 : AF_INET
        let type = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_NONBLOCK.rawValue) | CInt(SOCK_CLOEXEC.rawValue)
        let descriptor = socket(family, type, CInt(IPPROTO_TCP))
        guard descriptor >= 0 else { throw IOError(errnoCode: errno, reason: "socket") }
        do {
            let reuse = SocketOptions.Option(level: SOL_SOCKET, number: SO_REUSEADDR, value: 1, name: "SO_REUSEADDR")
            options.set(reuse, on: descriptor)
            if family == AF_INET6 {
                // `::` gets a port of its own beside the one on `0.0.0.0`: addresses are then shown as they are, not mapped.
                let only = SocketOptions.Option(level: CInt(IPPROTO_IPV6), number: IPV6_V6ONLY, value: 1, name: "IPV6_V6ONLY")
                options.set(only, on: descriptor)
            }
            options.set(on: descriptor)
            try address.withSockAddr { start, size in
                guard bind(descriptor, start, socklen_t(size)) == 0 else { throw IOError(errnoCode: errno, reason: "bind") }
            }
            guard Glibc.listen(descriptor, Self.backlog) == 0 else { throw IOError(errnoCode: errno, reason: "listen") }
        } catch {
            Glibc.close(descriptor)
            throw error
        }
        self.descriptor = descriptor
        self.address = PeerAddress(localOf: descriptor)
        self.isOneAddress = !["0.0.0.0", "::"].contains(listener.host)
    }

    /// Whether the kernel reports that it listens.
    var isListening: Bool { linux_tcp_is_listening(self.descriptor) }

    /// Accepts a connection, without waiting for one.
    ///
    /// - Returns: its descriptor, or the negative errno.
    func accept() -> (descriptor: CInt, addresses: ConnectionAddresses) {
        var peer = linux_tcp_endpoint()
        let descriptor = linux_tcp_accept(self.descriptor, &peer)
        guard descriptor >= 0 else { return (descriptor, .unknown) }
        let local = self.isOneAddress ? self.address : PeerAddress(localOf: descriptor)
        return (descriptor, ConnectionAddresses(remote: PeerAddress(peer), local: local))
    }

    func close() { Glibc.close(self.descriptor) }
}

extension PeerAddress {
    fileprivate init(_ endpoint: linux_tcp_endpoint) {
        self.init(high: endpoint.high, low: endpoint.low, port: endpoint.port)
    }

    fileprivate init(localOf descriptor: CInt) {
        var endpoint = linux_tcp_endpoint()
        linux_tcp_local(descriptor, &endpoint)
        self.init(endpoint)
    }
}
