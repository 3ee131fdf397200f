/// Reads the fields of a frame that ``FrameParser`` has found. It does not own the bytes, and is valid as long as they are.
public struct FrameView {
    /// The frame's first byte.
    public let bytes: UnsafeRawPointer
    /// The frame's bytes, 13...65535.
    public let size: Int
    /// Whether the checksum holds.
    public let isSound: Bool

    /// Views the `size` bytes at `bytes`, a frame with at least ``Frame/minimumSize`` bytes.
    @inlinable
    @inline(__always)
    public init(bytes: UnsafeRawPointer, size: Int, isSound: Bool) {
        self.bytes = bytes
        self.size = size
        self.isSound = isSound
    }

    /// The length field as received.
    @inlinable
    public var lengthField: UInt16 {
        FrameParser.lengthField(self.bytes)
    }

    /// The address: a heartbeat's terminal, or a data frame's destination.
    @inlinable
    @inline(__always)
    public var address: CCID {
        CCID(rawValue: UInt32(bigEndian: self.addressWord))
    }

    /// The address's bytes in memory order.
    @inlinable
    @inline(__always)
    var addressWord: UInt32 {
        self.bytes.loadUnaligned(fromByteOffset: Frame.addressOffset, as: UInt32.self)
    }

    /// The command byte; see ``Command``.
    @inlinable
    @inline(__always)
    public var command: UInt8 {
        self.bytes.load(fromByteOffset: Frame.commandOffset, as: UInt8.self)
    }

    /// Bytes between command and checksum.
    @inlinable
    public var contentSize: Int {
        self.size - Frame.minimumSize
    }

    /// The bytes between command and checksum: a heartbeat's time, or a data frame's payload.
    public var content: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: self.bytes + Frame.contentOffset, count: self.contentSize)
    }
}
