import CLinuxTCP
import NIOCore
import NIOPosix
import RelayCore

#if canImport(Glibc)
import Glibc
#endif

/// The relay path's own system calls on connections' descriptors, beside SwiftNIO's.
///
/// A protocol, because the simulation (`Tests/Simulation`) has sockets of its own. It is called once per system call, never per
/// frame, and belongs to the shard, so a connection owns nothing of it.
protocol Sockets {
    /// Writes as many bytes as the socket takes at once.
    ///
    /// - Parameter count: vectors at `vectors`, at least 1.
    /// - Returns: bytes taken, or the negative errno; `-EAGAIN` when the socket is full.
    func send(_ descriptor: CInt, _ vectors: UnsafePointer<iovec>, count: Int) -> Int

    /// Bytes taken that the peer's kernel has not acknowledged; negative when the descriptor does not report it.
    func unacknowledged(_ descriptor: CInt) -> Int

    /// The kernel's smoothed round trip in µs; not positive when it is not known.
    func roundTrip(_ descriptor: CInt) -> Int

    /// Bytes that have arrived and were not read; negative when the descriptor does not report it.
    func readable(_ descriptor: CInt) -> Int

    /// Reads bytes that have arrived, as far as `bytes` has room.
    ///
    /// - Returns: bytes read, 0 at the end of the input, or the negative errno.
    func receive(_ descriptor: CInt, into bytes: UnsafeMutableRawBufferPointer) -> Int

    /// Discards up to `limit` bytes that have arrived and were not read.
    func discard(_ descriptor: CInt, limit: Int)

    /// Makes another descriptor of the same socket; negative when none is available.
    func duplicate(_ descriptor: CInt) -> CInt

    /// Makes the kernel check within seconds whether the peer is alive, or restores the configured options.
    func probe(_ descriptor: CInt, _ isProbing: Bool, hasUnacknowledged: Bool, _ options: TCPOptions)

    /// Closes a descriptor that no channel owns.
    func close(_ descriptor: CInt)

    /// Makes a channel of `eventLoop` for a connected socket, and closes the socket when that fails.
    func channel(
        of descriptor: CInt,
        on eventLoop: any EventLoop,
        initializer: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
    ) -> EventLoopFuture<any Channel>
}

/// The sockets of the kernel.
struct KernelSockets: Sockets {
    func send(_ descriptor: CInt, _ vectors: UnsafePointer<iovec>, count: Int) -> Int {
        linux_tcp_send(descriptor, vectors, CInt(truncatingIfNeeded: count))
    }

    func unacknowledged(_ descriptor: CInt) -> Int {
        Int(linux_tcp_unacknowledged(descriptor))
    }

    func roundTrip(_ descriptor: CInt) -> Int {
        Int(linux_tcp_round_trip(descriptor))
    }

    func readable(_ descriptor: CInt) -> Int {
        Int(linux_tcp_readable(descriptor))
    }

    func receive(_ descriptor: CInt, into bytes: UnsafeMutableRawBufferPointer) -> Int {
        guard let start = bytes.baseAddress else { return 0 }
        return linux_tcp_receive(descriptor, start, UInt(bytes.count))
    }

    func discard(_ descriptor: CInt, limit: Int) {
        linux_tcp_discard(descriptor, CInt(truncatingIfNeeded: limit))
    }

    func duplicate(_ descriptor: CInt) -> CInt { linux_duplicate(descriptor) }

    func probe(_ descriptor: CInt, _ isProbing: Bool, hasUnacknowledged: Bool, _ options: TCPOptions) {
        SocketOptions.probe(descriptor, isProbing, hasUnacknowledged: hasUnacknowledged, options)
    }

    func close(_ descriptor: CInt) { linux_close(descriptor) }

    func channel(
        of descriptor: CInt,
        on eventLoop: any EventLoop,
        initializer: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
    ) -> EventLoopFuture<any Channel> {
        ClientBootstrap(group: eventLoop)
            // Its only effect on an existing socket is that TCP_NODELAY is not set. The listener has set it, and SwiftNIO closes a
            // connection whose option the system refuses.
            .enableMPTCP(true)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelInitializer(initializer)
            .withConnectedSocket(descriptor)
    }
}
