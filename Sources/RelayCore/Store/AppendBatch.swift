import NIOCore
import TTMSProtocol

/// Frames handed to the store or to another event loop, in one block of bytes, so that nothing is allocated per frame.
///
/// A value type: copies share the block, and the first append to one of them copies it.
public struct AppendBatch: Sendable {
    /// Fields that precede each frame.
    public struct Entry: Equatable, Sendable {
        /// Destination of the frame.
        public var ccid: CCID
        /// Time to live in seconds; `nil` for the store's default, 0 for no end.
        public var timeToLive: UInt32?
        /// Number that the frame's ``StoreCompletion/Receipt`` bears; 0 requests no receipt.
        public var token: UInt32
        /// Whether the frame has been written to its terminal already (journal).
        public var isInFlight: Bool
        /// Whether the frame is traced even when its terminal's trace switch is off.
        public var isTraced: Bool
        /// Time at which the relay read the frame; `nil` for the tick that hands over the batch.
        public var takenAt: NIODeadline?

        /// Whether an operator sends the frame and waits for its receipt.
        public var isFromOperator: Bool { self.token != 0 && !self.isInFlight }

        /// Makes an entry.
        @inlinable
        public init(
            ccid: CCID,
            timeToLive: UInt32? = nil,
            token: UInt32 = 0,
            isInFlight: Bool = false,
            isTraced: Bool = false,
            takenAt: NIODeadline? = nil
        ) {
            self.ccid = ccid
            self.timeToLive = timeToLive
            self.token = token
            self.isInFlight = isInFlight
            self.isTraced = isTraced
            self.takenAt = takenAt
        }
    }

    /// Number of frames.
    public private(set) var count = 0
    /// Bytes of all frames.
    public private(set) var frameBytes = 0
    /// Memory in bytes that the frames take until they are durable: each frame, its entry here, and its records in the store's
    /// staging and memtable. Back pressure goes by it, so that small frames count for their whole cost.
    public var cost: Int { self.frameBytes + self.count * Self.costPerFrame }
    private static let costPerFrame = 128

    /// Layout per frame, in host byte order: CCID, time to live, token (4 bytes each), size (2), flags (1). The time of reading
    /// follows if there is one (8), then the frame.
    private var block: AppendBlock?
    private let expected: Int

    private static let entrySize = 15
    private static let inFlightFlag: UInt8 = 1
    private static let timeToLiveFlag: UInt8 = 2
    private static let tracedFlag: UInt8 = 4
    private static let takenFlag: UInt8 = 8
    private static let takenSize = 8

    /// Makes an empty batch.
    ///
    /// - Parameter bytes: capacity of the first block, for callers that expect many frames.
    public init(expecting bytes: Int = 0) {
        self.expected = bytes
    }

    /// Whether the batch has no frames.
    public var isEmpty: Bool { self.count == 0 }

    /// Adds a frame of `size` bytes, 13...65535, and returns the address where the caller writes it. So a frame is rewritten
    /// straight into the batch. The address is valid until the next call.
    public mutating func append(_ entry: Entry, size: Int) -> UnsafeMutableRawPointer {
        assert((0...Frame.maximumSize).contains(size), "a frame that its size field cannot hold")
        let shortSize = UInt16(clamping: size)
        let prefix = Self.entrySize &+ (entry.takenAt == nil ? 0 : Self.takenSize)
        let start = self.reserve(prefix &+ max(size, 0))
        start.storeBytes(of: entry.ccid.rawValue, as: UInt32.self)
        start.storeBytes(of: entry.timeToLive ?? 0, toByteOffset: 4, as: UInt32.self)
        start.storeBytes(of: entry.token, toByteOffset: 8, as: UInt32.self)
        start.storeBytes(of: shortSize, toByteOffset: 12, as: UInt16.self)
        let flags =
            (entry.isInFlight ? Self.inFlightFlag : 0) | (entry.timeToLive == nil ? 0 : Self.timeToLiveFlag)
            | (entry.isTraced ? Self.tracedFlag : 0) | (entry.takenAt == nil ? 0 : Self.takenFlag)
        start.storeBytes(of: flags, toByteOffset: 14, as: UInt8.self)
        if let takenAt = entry.takenAt {
            start.storeBytes(of: takenAt.uptimeNanoseconds, toByteOffset: Self.entrySize, as: UInt64.self)
        }
        self.count &+= 1
        self.frameBytes &+= Int(shortSize)
        return start + prefix
    }

    /// Adds a copy of `frame`, 13...65535 bytes.
    public mutating func append(_ entry: Entry, frame: UnsafeRawBufferPointer) {
        guard let start = frame.baseAddress, frame.count <= Frame.maximumSize else { return }
        self.append(entry, size: frame.count).copyMemory(from: start, byteCount: frame.count)
    }

    private mutating func reserve(_ size: Int) -> UnsafeMutableRawPointer {
        if isKnownUniquelyReferenced(&self.block), let block = self.block, let start = block.reserve(size) { return start }
        return self.reserveInNewBlock(size)
    }

    @inline(never)
    private mutating func reserveInNewBlock(_ size: Int) -> UnsafeMutableRawPointer {
        let used = self.block?.used ?? 0
        let block = AppendBlock(
            capacity: max(2 * (self.block?.capacity ?? 0), used + size, self.expected, AppendBlock.smallest)
        )
        if let former = self.block { block.start.copyMemory(from: former.start, byteCount: used) }
        assert(block.capacity >= used + size)
        block.used = used + size
        self.block = block
        return block.start + used
    }

    /// Calls `body` with each frame, in the order of the appends. The bytes are valid during the call only.
    public func forEach<Failure: Error>(
        _ body: (Entry, UnsafeRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) {
        var offset = 0
        while let (entry, frame) = self.next(&offset) { try body(entry, frame) }
        assert(offset == self.block?.used ?? 0, "bytes after the last frame")
    }

    /// Returns the frame at `offset` and advances `offset`, which starts at 0; `nil` at the end. The bytes are valid until the
    /// batch is changed.
    public func next(_ offset: inout Int) -> (Entry, UnsafeRawBufferPointer)? {
        guard let block = self.block, offset < block.used else { return nil }
        let start = UnsafeRawPointer(block.start) + offset
        let flags = start.load(fromByteOffset: 14, as: UInt8.self)
        let timeToLive = start.loadUnaligned(fromByteOffset: 4, as: UInt32.self)
        let isTaken = flags & Self.takenFlag != 0
        let prefix = Self.entrySize &+ (isTaken ? Self.takenSize : 0)
        var entry = Entry(
            ccid: CCID(rawValue: start.loadUnaligned(as: UInt32.self)),
            timeToLive: flags & Self.timeToLiveFlag == 0 ? nil : timeToLive,
            token: start.loadUnaligned(fromByteOffset: 8, as: UInt32.self),
            isInFlight: flags & Self.inFlightFlag != 0,
            isTraced: flags & Self.tracedFlag != 0
        )
        if isTaken {
            entry.takenAt = .uptimeNanoseconds(start.loadUnaligned(fromByteOffset: Self.entrySize, as: UInt64.self))
        }
        let size = Int(start.loadUnaligned(fromByteOffset: 12, as: UInt16.self))
        assert(offset + prefix + size <= block.used, "an entry beyond the bytes in use")
        offset &+= prefix &+ size
        return (entry, UnsafeRawBufferPointer(start: start + prefix, count: size))
    }

    /// Empties the batch. Its memory is reused unless a copy still shares it.
    public mutating func removeAll() {
        assert((self.count == 0) == ((self.block?.used ?? 0) == 0), "frames without bytes, or bytes without frames")
        if isKnownUniquelyReferenced(&self.block) { self.block?.used = 0 } else { self.block = nil }
        self.count = 0
        self.frameBytes = 0
    }
}

/// Block of bytes that copies of a batch share.
///
/// `@unchecked Sendable` because threads share blocks through batches, but a batch writes only to a block that it alone references.
private final class AppendBlock: @unchecked Sendable {
    /// Bytes of the smallest block, enough for a short frame; small blocks double.
    static let smallest = 128

    let start: UnsafeMutableRawPointer
    let capacity: Int
    var used = 0

    init(capacity: Int) {
        self.capacity = capacity
        self.start = .allocate(byteCount: capacity, alignment: 8)
    }

    deinit { self.start.deallocate() }

    @inline(__always)
    func reserve(_ size: Int) -> UnsafeMutableRawPointer? {
        assert(self.used <= self.capacity && size >= 0)
        guard self.capacity &- self.used >= size else { return nil }
        defer { self.used &+= size }
        return self.start + self.used
    }
}
