import NIOCore
import TTMSProtocol

/// Frames on their way to the store, as one block of bytes: nothing is allocated per frame.
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

        /// Makes an entry.
        public init(ccid: CCID, timeToLive: UInt32? = nil, token: UInt32 = 0, isInFlight: Bool = false) {
            self.ccid = ccid
            self.timeToLive = timeToLive
            self.token = token
            self.isInFlight = isInFlight
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

    /// Per frame: CCID, time to live, token (4 bytes each), size (2), flags (1), then the frame; host byte order.
    private var bytes = ByteBuffer()

    private static let entrySize = 15
    private static let inFlightFlag: UInt8 = 1
    private static let timeToLiveFlag: UInt8 = 2

    /// Makes an empty batch.
    public init() {}

    /// Whether there is nothing in it.
    public var isEmpty: Bool { self.count == 0 }

    /// Adds a frame by letting `body` write its `size` bytes, 13...65535, so that a frame is rewritten straight into the batch.
    @inline(__always)
    public mutating func append(_ entry: Entry, size: Int, _ body: (UnsafeMutableRawPointer) -> Void) {
        guard let shortSize = UInt16(exactly: size) else { return }
        self.bytes.writeWithUnsafeMutableBytes(minimumWritableBytes: Self.entrySize + size) { target in
            guard let start = target.baseAddress else { return 0 }
            start.storeBytes(of: entry.ccid.rawValue, as: UInt32.self)
            start.storeBytes(of: entry.timeToLive ?? 0, toByteOffset: 4, as: UInt32.self)
            start.storeBytes(of: entry.token, toByteOffset: 8, as: UInt32.self)
            start.storeBytes(of: shortSize, toByteOffset: 12, as: UInt16.self)
            let flags =
                (entry.isInFlight ? Self.inFlightFlag : 0) | (entry.timeToLive == nil ? 0 : Self.timeToLiveFlag)
            start.storeBytes(of: flags, toByteOffset: 14, as: UInt8.self)
            body(start + Self.entrySize)
            return Self.entrySize + size
        }
        self.count += 1
        self.frameBytes += size
    }

    /// Adds a copy of `frame`, 13...65535 bytes.
    public mutating func append(_ entry: Entry, frame: UnsafeRawBufferPointer) {
        guard let start = frame.baseAddress else { return }
        self.append(entry, size: frame.count) { $0.copyMemory(from: start, byteCount: frame.count) }
    }

    /// Calls `body` with each frame in the order in which they were added. The bytes are valid during the call only.
    public func forEach<Failure: Error>(
        _ body: (Entry, UnsafeRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) {
        var failure: Failure?
        self.bytes.withUnsafeReadableBytes { bytes in
            var offset = 0
            while offset < bytes.count {
                let flags = bytes.load(fromByteOffset: offset + 14, as: UInt8.self)
                let timeToLive = bytes.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self)
                let entry = Entry(
                    ccid: CCID(rawValue: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)),
                    timeToLive: flags & Self.timeToLiveFlag == 0 ? nil : timeToLive,
                    token: bytes.loadUnaligned(fromByteOffset: offset + 8, as: UInt32.self),
                    isInFlight: flags & Self.inFlightFlag != 0
                )
                let size = Int(bytes.loadUnaligned(fromByteOffset: offset + 12, as: UInt16.self))
                let start = offset + Self.entrySize
                do throws(Failure) {
                    try body(entry, UnsafeRawBufferPointer(rebasing: bytes[start..<(start + size)]))
                } catch {
                    failure = error
                    return
                }
                offset = start + size
            }
        }
        if let failure { throw failure }
    }

    /// Empties the batch; its memory is kept unless a copy is still in use.
    public mutating func removeAll() {
        self.bytes.clear()
        self.count = 0
        self.frameBytes = 0
    }
}
