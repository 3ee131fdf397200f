import NIOCore
import RelayCore

@testable import RelayServer

#if canImport(Glibc)
import Glibc
#endif

/// The descriptors of a simulated process: what its shards' system calls reach. The lowest free number is the next, as in a kernel,
/// so that a call on a descriptor that was closed meets somebody else's connection, or is a violation.
final class SimulatedSockets: Sockets {
    private var open: [CInt: SimulatedSocket] = [:]
    private let claims: Claims
    weak var relay: SimulatedRelay?
    private(set) var channels: [SimulatedChannel] = []

    init(claims: Claims) {
        self.claims = claims
    }

    /// The process is dead, and with it all its channels.
    func kill() {
        for channel in self.channels { channel.kill() }
        self.channels = []
    }

    // MARK: Descriptors and channels

    /// - Returns: a channel that is not active yet, with a descriptor of its own.
    func makeChannel(of socket: SimulatedSocket, on loop: SimulatedLoop) -> SimulatedChannel {
        self.makeChannel(of: socket, descriptor: self.makeDescriptor(of: socket), on: loop)
    }

    private func makeChannel(of socket: SimulatedSocket, descriptor: CInt, on loop: SimulatedLoop) -> SimulatedChannel {
        let channel = SimulatedChannel(socket, descriptor: descriptor, of: self, loop: loop)
        socket.channel = channel
        self.channels.removeAll { !$0.isActive }
        self.channels.append(channel)
        return channel
    }

    private func makeDescriptor(of socket: SimulatedSocket) -> CInt {
        var descriptor: CInt = 3
        while self.open[descriptor] != nil { descriptor += 1 }
        self.open[descriptor] = socket
        return descriptor
    }

    /// Closes the descriptor, and the connection when it was the last one.
    func close(_ descriptor: CInt) {
        guard let socket = self.open.removeValue(forKey: descriptor) else {
            return self.claims.violated("The relay closed descriptor \(descriptor), which is closed.")
        }
        if !self.open.values.contains(where: { $0 === socket }) { socket.closeByRelay() }
    }

    private func socket(_ descriptor: CInt) -> SimulatedSocket? {
        if let socket = self.open[descriptor] { return socket }
        self.claims.violated("The relay used descriptor \(descriptor), which is closed.")
        return nil
    }

    // MARK: Sockets

    func send(_ descriptor: CInt, _ vectors: UnsafePointer<iovec>, count: Int) -> Int {
        let pieces = UnsafeBufferPointer(start: vectors, count: count)
            .map { UnsafeRawBufferPointer(start: $0.iov_base, count: $0.iov_len) }
        return self.socket(descriptor)?.send(pieces) ?? -Int(EBADF)
    }

    func unacknowledged(_ descriptor: CInt) -> Int { self.socket(descriptor)?.unacknowledged ?? -1 }

    func roundTrip(_ descriptor: CInt) -> Int { self.socket(descriptor)?.roundTrip ?? -1 }

    func readable(_ descriptor: CInt) -> Int { self.socket(descriptor)?.arrived ?? -1 }

    func receive(_ descriptor: CInt, into bytes: UnsafeMutableRawBufferPointer) -> Int {
        guard let socket = self.socket(descriptor) else { return -Int(EBADF) }
        guard socket.isReadable else { return -Int(EAGAIN) }
        let read = socket.read(limit: bytes.count)
        bytes.copyBytes(from: read)
        return read.count
    }

    func discard(_ descriptor: CInt, limit: Int) { self.socket(descriptor)?.discard(limit: limit) }

    func probe(_ descriptor: CInt, _ isProbing: Bool, hasUnacknowledged: Bool, _ options: TCPOptions) {}

    /// For every fifth connection there is none left.
    func duplicate(_ descriptor: CInt) -> CInt {
        guard let socket = self.socket(descriptor), !socket.number.isMultiple(of: 5) else { return -EMFILE }
        return self.makeDescriptor(of: socket)
    }

    func channel(
        of descriptor: CInt,
        on eventLoop: any EventLoop,
        initializer: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
    ) -> EventLoopFuture<any Channel> {
        guard let socket = self.socket(descriptor), let loop = eventLoop as? SimulatedLoop else {
            return eventLoop.makeFailedFuture(ChannelError.ioOnClosedChannel)
        }
        let channel = self.makeChannel(of: socket, descriptor: descriptor, on: loop)
        _ = initializer(channel)
        // A socket that has been reset meanwhile gets a channel, or does not.
        if socket.relayError != nil, socket.number.isMultiple(of: 2) {
            let handler = try? channel.pipeline.syncOperations.handler(type: TerminalHandler.self)
            channel.failToActivate()
            self.claims.accepted(socket, as: handler?.connection)
            return eventLoop.makeFailedFuture(ChannelError.ioOnClosedChannel)
        }
        channel.becomeActive()
        self.claims.accepted(socket, as: self.relay?.connection(of: socket))
        return eventLoop.makeSucceededFuture(channel)
    }
}
