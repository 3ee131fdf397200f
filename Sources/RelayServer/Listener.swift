import Logging
import NIOCore
import NIOPosix
import RelayCore

#if canImport(Glibc)
import Glibc
#endif

/// Accepts connections and makes their channels: one handler each, the loop's shared read buffer, TCP's own means against
/// peers that are gone.
struct Listener {
    let group: MultiThreadedEventLoopGroup
    let shards: [Shard]
    let options: ServerOptions
    let report: AcceptReport
    let logger: Logger

    /// Connections that wait to be accepted: a fleet that comes back after an outage should not have to retry its SYNs.
    private static let backlog: Int32 = 4_096
    /// Connections accepted at once; the event loop serves the others in between.
    private static let acceptsPerTick: UInt = 64

    func listen(on address: ListenerOptions) async throws -> any Channel {
        let shards = self.shards
        let tcp = self.options.tcp
        let (report, logger) = (self.report, self.logger)
        let socketAddress = try SocketAddress(ipAddress: address.host, port: address.port)
        // All connections are accepted, and read from first, by one event loop: those of one terminal then come to its home in the order
        // in which the terminal made them.
        var bootstrap = ServerBootstrap(group: self.shards.first?.eventLoop ?? self.group)
            .serverChannelOption(.backlog, value: Self.backlog)
            .serverChannelOption(.maxMessagesPerRead, value: Self.acceptsPerTick)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(AcceptPause(report, logger))
                }
            }
        if socketAddress.protocol == .inet6 {
            // Its own port on `::` beside the one on `0.0.0.0`: addresses are then shown as they are, not mapped.
            bootstrap = bootstrap.serverChannelOption(.socket(Int(IPPROTO_IPV6), IPV6_V6ONLY), value: 1)
        }
        return
            try await bootstrap
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let shard = shards.first(where: { $0.eventLoop === channel.eventLoop }) else {
                        throw ChannelError.unknownLocalAddress
                    }
                    try Self.configure(channel, tcp)
                    try TerminalHandler(shard: shard, listener: address).serve(channel)
                }
            }
            .bind(to: socketAddress)
            .get()
    }

    private static func configure(_ channel: any Channel, _ tcp: TCPOptions) throws {
        guard let options = channel.syncOptions else { return }
        let level = Int(IPPROTO_TCP)
        if tcp.keepaliveIdle > .zero {
            try options.setOption(.socketOption(.so_keepalive), value: 1)
            try options.setOption(.socket(level, TCP_KEEPIDLE), value: Self.seconds(tcp.keepaliveIdle))
            try options.setOption(.socket(level, TCP_KEEPINTVL), value: Self.seconds(tcp.keepaliveInterval))
            try options.setOption(.socket(level, TCP_KEEPCNT), value: tcp.keepaliveProbes)
        }
        if tcp.userTimeout > .zero {
            let milliseconds = Int(tcp.userTimeout.nanoseconds / 1_000_000)
            try options.setOption(.socket(level, TCP_USER_TIMEOUT), value: milliseconds)
        }
        if tcp.sendBuffer > 0 { try options.setOption(.socketOption(.so_sndbuf), value: tcp.sendBuffer) }
        if tcp.unsentLimit > 0 { try options.setOption(.socket(level, TCP_NOTSENT_LOWAT), value: tcp.unsentLimit) }
    }

    private static func seconds(_ time: TimeAmount) -> Int {
        max(1, Int(time.nanoseconds / 1_000_000_000))
    }
}
