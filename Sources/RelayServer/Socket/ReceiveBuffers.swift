import NIOCore

/// Provides all connections of an event loop with the same read buffer: a connection that is not being read from owns none.
///
/// SwiftNIO retains the first buffer that an allocator returns to a channel, for the channel's life. The first one is therefore as
/// small as possible. From the second on, every read gets the loop's buffer, which its handler returns afterwards (see
/// ``ReceiveBuffers/giveBack(_:)``). This needs `maxMessagesPerRead` to be 1: with more, SwiftNIO would retain more.
///
/// SwiftNIO reads only while it may (`autoRead`), but at a FIN or RST it reads all bytes at once. For a connection that is held
/// back those can be megabytes, which have to stay in the kernel: it then gets a buffer without room.
///
/// `@unchecked Sendable` because SwiftNIO's allocators have to be `Sendable`: it is only used on its channel's event loop.
struct SharedReceiveAllocator: RecvByteBufferAllocator, @unchecked Sendable {
    private let buffers: ReceiveBuffers
    private let handler: TerminalHandler
    private var isFirst = true

    init(_ buffers: ReceiveBuffers, for handler: TerminalHandler) {
        self.buffers = buffers
        self.handler = handler
    }

    func buffer(allocator: ByteBufferAllocator) -> ByteBuffer {
        // SwiftNIO takes a read without room for the end of the input: it no longer reads from this connection.
        if self.handler.refusesReads { return allocator.buffer(capacity: 0) }
        return self.isFirst ? allocator.buffer(capacity: Self.firstSize) : self.buffers.take(allocator)
    }

    /// `nil` makes SwiftNIO not pool, and `true` from `record` makes it not read into the buffer that it retains.
    func nextBufferSize() -> Int? { nil }

    mutating func record(actualReadBytes: Int) -> Bool {
        self.isFirst = false
        return true
    }

    /// Bytes of the buffer that stays with the channel: a heartbeat, which comes first.
    private static let firstSize = 32
}

/// The read buffer of one event loop.
///
/// `@unchecked Sendable` because SwiftNIO's allocators have to be `Sendable`: it is only used on its event loop.
final class ReceiveBuffers: @unchecked Sendable {
    /// Bytes of one read: as many as a fast sender's socket holds. A burst is then parsed at once, and its destinations are flushed
    /// once.
    static let size = 256 << 10

    private var spare: ByteBuffer?

    func take(_ allocator: ByteBufferAllocator) -> ByteBuffer {
        guard var buffer = self.spare else { return allocator.buffer(capacity: Self.size) }
        self.spare = nil
        buffer.clear()
        return buffer
    }

    /// Takes back the buffer of a read that has been handled. Small ones are the channels' own.
    func giveBack(_ buffer: ByteBuffer) {
        if buffer.capacity >= Self.size { self.spare = buffer }
    }
}
