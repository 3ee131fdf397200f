import NIOCore
import RelayCore

/// Successive frames of one queue, in one record under the id of the first.
///
///     byte 0   1      3           11            15                           15 + 4 * count
///     format   count  acceptedAt  time to live  count * (size, later by)     the frames' bytes
///     1        2      8, µs       4, s          2, and 2, µs                 one after the other
///
/// All integers are big-endian, as in keys. The frames share the time to live; each was accepted `later by` microseconds after
/// the first. A size of 0 is a hole: the frame has ended, and the ids of later frames do not change.
struct Chunk {
    static let format: UInt8 = 1
    static let headerSize = 15
    static let entrySize = 4
    /// The size at which a chunk is closed: it is rewritten as a whole when one of its frames is deleted.
    static let targetSize = 32 << 10

    let count: Int
    let acceptedAt: Int64
    let timeToLive: UInt32
    private let bytes: UnsafeRawBufferPointer

    /// Reads a record; `nil` when this release does not write such a record.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= Self.headerSize, bytes[0] == Self.format else { return nil }
        self.count = Int(UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 1, as: UInt16.self)))
        self.acceptedAt = Int64(bigEndian: bytes.loadUnaligned(fromByteOffset: 3, as: Int64.self))
        self.timeToLive = UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 11, as: UInt32.self))
        guard self.count > 0, bytes.count >= Self.headerSize + self.count * Self.entrySize else { return nil }
        self.bytes = bytes
    }

    static let contradiction = RocksDBFailure.damaged("A record with frames contradicts itself")

    /// One place in a chunk.
    struct Entry {
        /// The time at which the frame was accepted, µs.
        let acceptedAt: Int64
        /// The frame; empty in a hole.
        let frame: UnsafeRawBufferPointer
    }

    /// Calls `body` with each place and its offset in the chunk, in order, until it returns `false`.
    ///
    /// - Returns: `nil` when the record contradicts itself; otherwise whether `body` never returned `false`.
    @inline(__always)
    func visit(_ body: (Int, Entry) -> Bool) -> Bool? {
        var start = Self.headerSize + self.count * Self.entrySize
        for offset in 0..<self.count {
            let entry = Self.headerSize + offset * Self.entrySize
            let size = Int(UInt16(bigEndian: self.bytes.loadUnaligned(fromByteOffset: entry, as: UInt16.self)))
            let laterBy = UInt16(bigEndian: self.bytes.loadUnaligned(fromByteOffset: entry + 2, as: UInt16.self))
            guard size <= self.bytes.count - start else { return nil }
            let frame = UnsafeRawBufferPointer(rebasing: self.bytes[start..<(start + size)])
            guard body(offset, Entry(acceptedAt: self.acceptedAt &+ Int64(laterBy), frame: frame)) else { return false }
            start += size
        }
        return true
    }

    /// The record with holes at `offsets`; `nil` when no frame would remain.
    func punched(at offsets: Set<Int>) throws(StoreError) -> [UInt8]? {
        var writer = ChunkWriter(acceptedAt: self.acceptedAt, timeToLive: self.timeToLive)
        var isAlive = false
        let isSound = self.visit { offset, entry in
            let isHole = entry.frame.isEmpty || offsets.contains(offset)
            isAlive = isAlive || !isHole
            writer.append(isHole ? UnsafeRawBufferPointer(rebasing: entry.frame[..<0]) : entry.frame, at: entry.acceptedAt)
            return true
        }
        guard isSound != nil else { throw Self.contradiction }
        return isAlive ? writer.withRecord { Array($0) } : nil
    }
}

/// Builds ``Chunk`` records. Reused, with its memory.
struct ChunkWriter {
    private var acceptedAt: Int64
    private var timeToLive: UInt32
    private var count: UInt16 = 0
    private var table = ByteBuffer()
    private var frames = ByteBuffer()

    init(acceptedAt: Int64 = 0, timeToLive: UInt32 = 0) {
        self.acceptedAt = acceptedAt
        self.timeToLive = timeToLive
    }

    /// Starts a new record.
    mutating func start(acceptedAt: Int64, timeToLive: UInt32) {
        self.acceptedAt = acceptedAt
        self.timeToLive = timeToLive
        self.count = 0
        self.table.clear()
        self.frames.clear()
    }

    /// Adds a frame of at most 65,535 bytes, accepted at most 65,535 µs after the first; an empty one makes a hole.
    mutating func append(_ frame: UnsafeRawBufferPointer, at acceptedAt: Int64) {
        let laterBy = UInt16(clamping: acceptedAt &- self.acceptedAt)
        self.table.writeMultipleIntegers(UInt16(clamping: frame.count), laterBy)
        self.frames.writeBytes(frame)
        self.count += 1
    }

    /// Calls `body` with the finished record.
    mutating func withRecord<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        self.record.clear()
        self.record.writeMultipleIntegers(Chunk.format, self.count, self.acceptedAt, self.timeToLive)
        self.record.writeImmutableBuffer(self.table)
        self.record.writeImmutableBuffer(self.frames)
        return self.record.withUnsafeReadableBytes(body)
    }

    private var record = ByteBuffer()
}
