import NIOCore

/// Gives all connections of an event loop the same read buffer: a connection that is not being read from owns none.
///
/// SwiftNIO keeps the first buffer that an allocator gives to a channel, for the channel's life. So the first one is as small as
/// can be, and from the second on, every read gets the loop's buffer, which its handler hands back when it is done (see
/// ``ReceiveBuffers/giveBack(_:)``). This needs `maxMessagesPerRead` to be 1: with more, SwiftNIO would keep more.
///
/// SwiftNIO reads only while it may (`autoRead`), but at a FIN or RST all that is there, at once. For a connection that is held back
/// that can be megabytes, which have to stay in the kernel: it then gets a buffer without room.
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
        // A read into no room is the end of the input to SwiftNIO: it does not read from this connection any more.
        if self.handler.refusesReads { return allocator.buffer(capacity: 0) }
        return self.isFirst ? allocator.buffer(capacity: Self.firstSize) : self.buffers.take(allocator)
    }

    /// `nil` tells SwiftNIO not to pool, and `true` from `record` not to read into the buffer that it keeps.
    func nextBufferSize() -> Int? { nil }

    mutating func record(actualReadBytes: Int) -> Bool {
        self.isFirst = false
        return true
    }

    /// Bytes of the buffer that stays with the channel: a heartbeat, which is what comes first.
    private static let firstSize = 32
}

/// The read buffer of one event loop.
///
/// `@unchecked Sendable` because SwiftNIO's allocators have to be `Sendable`: it is only used on its event loop.
final class ReceiveBuffers: @unchecked Sendable {
    /// Bytes of one read: large enough for what a fast sender's socket holds, so that a burst is parsed and its destinations are
    /// flushed at once.
    static let size = 256 << 10

    private var spare: ByteBuffer?

    func take(_ allocator: ByteBufferAllocator) -> ByteBuffer {
        guard var buffer = self.spare else { return allocator.buffer(capacity: Self.size) }
        self.spare = nil
        buffer.clear()
        return buffer
    }

    /// The handler of a read is done with its buffer. Small ones are the channels' own.
    func giveBack(_ buffer: ByteBuffer) {
        if buffer.capacity >= Self.size { self.spare = buffer }
    }
}
