import CLinuxTCP

#if canImport(Glibc)
import Glibc
#endif

/// The system calls on connections' descriptors that the relay path makes itself, beside those that SwiftNIO makes.
///
/// A protocol for one reason: the simulation (`Tests/Simulation`) has sockets of its own. It is called once per system call, never
/// per frame, and belongs to the shard, so a connection owns nothing of it.
protocol Sockets {
    /// Writes what the socket takes at once.
    ///
    /// - Parameter count: vectors at `vectors`, at least 1.
    /// - Returns: bytes taken, or the negative errno; `-EAGAIN` when the socket is full.
    func send(_ descriptor: CInt, _ vectors: UnsafePointer<iovec>, count: Int) -> Int

    /// Bytes taken that the peer's kernel has not acknowledged; negative when the descriptor cannot say.
    func unacknowledged(_ descriptor: CInt) -> Int

    /// Bytes that have arrived and were not read; negative when the descriptor cannot say.
    func readable(_ descriptor: CInt) -> Int

    /// Forgets up to `limit` bytes that have arrived and were not read.
    func discard(_ descriptor: CInt, limit: Int)
}

/// The sockets of the kernel.
struct KernelSockets: Sockets {
    func send(_ descriptor: CInt, _ vectors: UnsafePointer<iovec>, count: Int) -> Int {
        linux_tcp_send(descriptor, vectors, CInt(truncatingIfNeeded: count))
    }

    func unacknowledged(_ descriptor: CInt) -> Int {
        Int(linux_tcp_unacknowledged(descriptor))
    }

    func readable(_ descriptor: CInt) -> Int {
        Int(linux_tcp_readable(descriptor))
    }

    func discard(_ descriptor: CInt, limit: Int) {
        linux_tcp_discard(descriptor, CInt(truncatingIfNeeded: limit))
    }
}
