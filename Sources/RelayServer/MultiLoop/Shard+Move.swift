import Logging
import NIOCore
import RelayCore
import TTMSProtocol

/// A connection between two shards: on no event loop, with its socket open and nothing put on it yet.
struct MovingConnection: Sendable {
    var id: UInt64
    var openedAt: Timestamp
    var lastReceived: NIODeadline
    var descriptor: CInt
    var addresses: ConnectionAddresses
    var listener: ListenerOptions
    /// The bytes that have arrived, from its first heartbeat on.
    var bytes: ByteBuffer
}

// A connection moves to the home shard of its first terminal before that terminal is registered. Its frames then take one step from
// their sender's shard. Terminals are lent (``Handover``) only where one connection has several, of different homes.
extension Shard {
    /// The shard that `connection` belongs to when `frame` is its first heartbeat; `nil` when it can stay.
    func destination(of connection: TerminalConnection, registering frame: FrameView) -> Int? {
        guard self.movesConnections, connection.mayMove, connection.session.source == nil, !self.isStopping,
            connection.phase.mayMove, frame.command == Command.heartbeat.rawValue
        else { return nil }
        let home = self.home(of: frame.address)
        return home == self.index ? nil : home
    }

    /// Moves `connection` to shard `index`. SwiftNIO cannot move a channel, so the socket gets a second descriptor, and the channel
    /// is closed, which closes only the first one.
    ///
    /// A connection whose peer has sent FIN or RST moves like any other. Handled here, its frames could overtake those of an older
    /// connection of the same terminal. Its new channel meets the same end.
    ///
    /// - Returns: `false` when no descriptor is available: it stays.
    func move(_ connection: TerminalConnection, to index: Int) -> Bool {
        guard let descriptor = connection.takeDescriptor() else { return false }
        let moving = MovingConnection(
            id: connection.id,
            openedAt: connection.openedAt,
            lastReceived: connection.lastReceived,
            descriptor: descriptor,
            addresses: connection.addresses,
            listener: connection.listener,
            bytes: connection.unfinished
        )
        self.forget(connection)
        connection.leave()
        let shard = self.shards[index]
        shard.eventLoop.execute { shard.open(moving) }
        return true
    }

    /// Makes a channel of this event loop for a connection from another one.
    private func open(_ moving: MovingConnection) {
        let handler = NIOLoopBound(
            TerminalHandler(shard: self, listener: moving.listener, addresses: moving.addresses),
            eventLoop: self.eventLoop
        )
        let channel = self.sockets.channel(of: moving.descriptor, on: self.eventLoop) { channel in
            channel.eventLoop.makeCompletedFuture { try handler.value.serve(channel, moving) }
        }
        // Handled at once, because the terminal's next connection may be the next one opened.
        channel.assumeIsolated().whenFailure { error in
            handler.value.connectionLost()
            self.logger.debug(
                "A connection was lost on its way to another event loop",
                metadata: ["connection": "\(moving.id)", "error": "\(error)"]
            )
        }
    }
}
