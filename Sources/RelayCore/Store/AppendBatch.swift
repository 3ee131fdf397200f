import NIOCore
import TTMSProtocol

/// Frames on their way to the store or to another event loop, as one block of bytes: nothing is allocated per frame.
///
/// A value: a copy shares the block, and whoever adds to it then gets a block of its own.
public struct AppendBatch: Sendable {
    /// What stands in front of each frame.
    public struct Entry: Equatable, Sendable {
        /// The destination.
        public var ccid: CCID
        /// Seconds; `nil` for the store's default, 0 for ever.
        public var timeToLive: UInt32?
        /// Asks for a ``StoreCompletion/Receipt`` when it is not 0.
        public var token: UInt32
        /// The frame has been written to its terminal already (journal).
        public var isInFlight: Bool
        /// Its trace is kept, also without its terminal's switch.
        public var isTraced: Bool
        /// When the relay read the frame, where that was before the tick that hands the batch over; `nil` for this tick.
        public var takenAt: NIODeadline?

        /// An operator sends the frame, and is answered by the receipt.
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

    /// Frames in the batch.
    public private(set) var count = 0
    /// Bytes of the frames.
    public private(set) var frameBytes = 0
    /// What the frames take in memory until they are durable, in bytes: beside the frame itself its entry here, in the store's
    /// staging and in its memtable. It is what senders are held back for, so that small frames count for what they cost.
    public var cost: Int { self.frameBytes + self.count * Self.costPerFrame }
    private static let costPerFrame = 128

    /// Per frame: CCID, time to live, token (4 bytes each), size (2), flags (1), the time of reading if it has one (8), then the
    /// frame; host byte order.
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
    /// - Parameter bytes: how large the block is made with the first frame, where it is known that many will come.
    public init(expecting bytes: Int = 0) {
        self.expected = bytes
    }

    /// Whether there is nothing in it.
    public var isEmpty: Bool { self.count == 0 }

    /// Adds a frame of `size` bytes, 13...65535, and returns where it has to be written, so that a frame is rewritten straight into
    /// the batch. The place is valid until the next call.
    public mutating func append(_ entry: Entry, size: Int) -> UnsafeMutableRawPointer {
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
        block.used = used + size
        self.block = block
        return block.start + used
    }

    /// Calls `body` with each frame in the order in which they were added. The bytes are valid during the call only.
    public func forEach<Failure: Error>(
        _ body: (Entry, UnsafeRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) {
        var offset = 0
        while let (entry, frame) = self.next(&offset) { try body(entry, frame) }
    }

    /// The frame at `offset`, which begins with 0 and is moved on; `nil` at the end. The bytes are valid as long as the batch is
    /// not added to.
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
        offset &+= prefix &+ size
        return (entry, UnsafeRawBufferPointer(start: start + prefix, count: size))
    }

    /// Empties the batch; its memory is kept unless a copy is still in use.
    public mutating func removeAll() {
        if isKnownUniquelyReferenced(&self.block) { self.block?.used = 0 } else { self.block = nil }
        self.count = 0
        self.frameBytes = 0
    }
}

/// The bytes of a batch.
///
/// `@unchecked Sendable` because batches share blocks between threads, but write only to those that nobody shares.
private final class AppendBlock: @unchecked Sendable {
    /// Bytes of the smallest block: a short frame for one terminal needs no more, and small blocks double.
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
        guard self.capacity &- self.used >= size else { return nil }
        defer { self.used &+= size }
        return self.start + self.used
    }
}
