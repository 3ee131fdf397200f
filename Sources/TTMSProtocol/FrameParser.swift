/// Finds the ends of frames in a connection's byte stream (PROTOCOL.md, section 2). Pure: it holds no bytes and no clock.
///
/// The caller holds the bytes that are no complete frame yet. It offers them again together with newer bytes, from the first byte
/// of the unfinished frame. Between two calls the parser remembers results about that prefix, so that a peer which sends single
/// bytes costs work in proportion to its bytes:
/// - `scanned` bytes hold no further `$TTMS`, and their XOR is `scannedXOR` (`marker` only);
/// - the dialects in `refuted` are proven not to be the connection's (first frame only).
/// Both are reset whenever a frame is found.
public struct FrameParser: Sendable {
    /// The reason why the offered bytes end where they end.
    public enum Boundary: Sendable {
        /// The read buffer was full: more of the same burst follows.
        case more
        /// All bytes that one read returned are offered.
        case burstEnd
        /// Nothing arrived during the quiet time.
        case quiet
        /// Nothing more will be awaited: the connection ends, or its `registration_timeout` has passed.
        case end
    }

    /// The parser's finding about the offered bytes.
    public enum Step: Equatable, Sendable {
        /// The first `size` bytes are a frame; `isSound` when its checksum holds.
        case frame(size: Int, isSound: Bool)
        /// No frame yet.
        case needsBytes
        /// No frame yet, but when the quiet time passes without a further byte, step again with ``Boundary/quiet``.
        case needsBytesOrQuiet
        /// The connection has to be closed.
        case violation(Violation)
    }

    /// The connection's dialect: set by the listener, or learned from the first frame; `nil` before that.
    public private(set) var dialect: LengthDialect?
    /// The largest frame allowed, in bytes; at most ``Frame/maximumSize``.
    public let maximumFrameSize: Int

    @usableFromInline var scanned = 0
    private var scannedXOR: UInt8 = 0
    private var refuted = DialectSet()

    /// Makes a parser for a new connection.
    ///
    /// - Parameters:
    ///   - dialect: the dialect that the listener sets; `nil` to learn it from the first frame.
    ///   - maximumFrameSize: bytes, clamped to 17...65535, so that a heartbeat always fits.
    public init(dialect: LengthDialect? = nil, maximumFrameSize: Int = Frame.maximumSize) {
        self.dialect = dialect
        self.maximumFrameSize = min(max(maximumFrameSize, Frame.heartbeatSize), Frame.maximumSize)
    }

    /// Searches for a frame that begins at the first of the `count` bytes at `bytes`.
    @inlinable
    @inline(__always)
    public mutating func step(_ bytes: UnsafeRawPointer, count: Int, boundary: Boundary) -> Step {
        // The path of nearly every frame: the dialect is known, and the frame is complete.
        if let dialect = self.dialect, dialect != .marker, count >= Frame.minimumSize {
            return self.sized(bytes, count: count, dialect: dialect)
        }
        return self.slowStep(bytes, count: count, boundary: boundary)
    }

    @usableFromInline
    mutating func slowStep(_ bytes: UnsafeRawPointer, count: Int, boundary: Boundary) -> Step {
        // No bytes permit no conclusion, not even after the quiet time.
        guard count > 0 else { return .needsBytes }
        guard Self.beginsWithHeader(bytes, count: count) else { return .violation(.badHeader) }
        switch self.dialect {
        case .none: return self.learn(bytes, count: count, boundary: boundary)
        case .marker: return self.marked(bytes, count: count, boundary: boundary)
        case .some(let dialect):
            guard count >= Frame.addressOffset else { return .needsBytes }
            return self.sized(bytes, count: count, dialect: dialect)
        }
    }

    // MARK: Length dialects

    /// Requires at least the header and the length field.
    @inlinable
    @inline(__always)
    func sized(_ bytes: UnsafeRawPointer, count: Int, dialect: LengthDialect) -> Step {
        guard Self.hasHeader(bytes) else { return .violation(.badHeader) }
        let size = dialect.frameSize(lengthField: Self.lengthField(bytes))
        guard size >= Frame.minimumSize else { return .violation(.tooShort) }
        guard size <= self.maximumFrameSize else { return .violation(.tooLong) }
        guard size <= count else { return .needsBytes }
        guard Checksum.xor(bytes, count: size) == 0 else { return .violation(.checksumMismatch) }
        return .frame(size: size, isSound: true)
    }

    // MARK: The first frame

    private mutating func learn(_ bytes: UnsafeRawPointer, count: Int, boundary: Boundary) -> Step {
        var isUndecided = count < Frame.addressOffset
        if !isUndecided {
            let lengthField = Self.lengthField(bytes)
            for dialect in LengthDialect.lengthDialects where !self.refuted.contains(dialect) {
                switch self.verdict(on: dialect, bytes, count: count, lengthField: lengthField, boundary: boundary) {
                case .taken(let size):
                    self.dialect = dialect
                    self.startFrame()
                    return .frame(size: size, isSound: true)
                case .refuted: self.refuted.insert(dialect)
                case .wholeHeartbeat:
                    LengthDialect.lengthDialects.forEach { self.refuted.insert($0) }
                    isUndecided = false
                case .undecided: isUndecided = true
                }
            }
        }
        // A lost segment arrives again much later than the quiet time, and some modems forward single bytes. The beginning of a
        // heartbeat is therefore awaited as long as the connection may stay unregistered.
        if Self.isBeginningOfHeartbeat(bytes, count: count) { isUndecided = true }
        switch boundary {
        case .more where isUndecided: return .needsBytes
        case .burstEnd where isUndecided: return .needsBytesOrQuiet
        case .quiet where Self.isBeginningOfHeartbeat(bytes, count: count): return .needsBytes
        case .end where count < Frame.minimumSize: return .needsBytes
        case .more, .burstEnd, .quiet, .end: break
        }
        self.dialect = .marker
        return self.marked(bytes, count: count, boundary: boundary)
    }

    /// Whether the bytes can become a heartbeat of 17 bytes, in any dialect, and are no frame yet.
    private static func isBeginningOfHeartbeat(_ bytes: UnsafeRawPointer, count: Int) -> Bool {
        guard count < Frame.heartbeatSize else { return false }
        guard count > Frame.commandOffset else { return true }
        guard bytes.load(fromByteOffset: Frame.commandOffset, as: UInt8.self) == Command.heartbeat.rawValue else {
            return false
        }
        return count < Frame.minimumSize || Checksum.xor(bytes, count: count) != 0
    }

    private enum Verdict {
        case taken(size: Int)
        case refuted
        /// As `refuted`, but the bytes begin with a sound heartbeat of the usual size. A larger frame around it would be sound only
        /// by chance, for instance when zeros follow.
        case wholeHeartbeat
        case undecided
    }

    private func verdict(
        on dialect: LengthDialect,
        _ bytes: UnsafeRawPointer,
        count: Int,
        lengthField: UInt16,
        boundary: Boundary
    ) -> Verdict {
        let size = dialect.frameSize(lengthField: lengthField)
        guard (Frame.minimumSize...self.maximumFrameSize).contains(size) else { return .refuted }
        guard size <= count else { return .undecided }
        guard Checksum.xor(bytes, count: size) == 0 else { return .refuted }
        if size < count {
            if Self.beginsWithHeader(bytes + size, count: count - size) { return .taken(size: size) }
            return size == Frame.heartbeatSize ? .wholeHeartbeat : .refuted
        }
        // No bytes follow yet.
        switch boundary {
        case .more: return .undecided
        // A frame that arrives in pieces can have an XOR of zero at a cut. A heartbeat has 17 bytes, so only shorter frames are
        // doubted, and only until the quiet time has passed.
        case .burstEnd: return size >= Frame.heartbeatSize ? .taken(size: size) : .undecided
        case .quiet, .end: return .taken(size: size)
        }
    }

    // MARK: The dialect `marker`

    private mutating func marked(_ bytes: UnsafeRawPointer, count: Int, boundary: Boundary) -> Step {
        // A header may be cut at the end of the scanned bytes.
        var index = max(Frame.headerSize, self.scanned - (Frame.headerSize - 1))
        while index + Frame.headerSize <= count {
            if Self.hasHeader(bytes + index) { return self.ended(bytes, size: index) }
            index += 1
        }
        guard count <= self.maximumFrameSize else { return .violation(.tooLong) }
        self.scannedXOR ^= Checksum.xor(bytes + self.scanned, count: count - self.scanned)
        self.scanned = count
        if boundary == .more { return .needsBytes }
        let isSound = count >= Frame.minimumSize && self.scannedXOR == 0
        // The next frame's header may be cut at any byte, and its rest may arrive later than the quiet time.
        if !isSound, let size = self.soundSizeBeforeCutHeader(bytes, count: count) { return self.ended(bytes, size: size) }
        if boundary == .burstEnd, !isSound { return .needsBytesOrQuiet }
        if count <= Frame.headerSize { return .needsBytes }
        return self.ended(bytes, size: count)
    }

    /// The size of a sound frame that only the first bytes of a header follow. A frame that is sound with those bytes is not sound
    /// without them, because their XOR is never 0.
    private func soundSizeBeforeCutHeader(_ bytes: UnsafeRawPointer, count: Int) -> Int? {
        (1..<Frame.headerSize).lazy.map { count - $0 }.first { size in
            size >= Frame.minimumSize && Self.beginsWithHeader(bytes + size, count: count - size)
                && self.scannedXOR == Checksum.xor(bytes + size, count: count - size)
        }
    }

    private mutating func ended(_ bytes: UnsafeRawPointer, size: Int) -> Step {
        guard size >= Frame.minimumSize else { return .violation(.tooShort) }
        guard size <= self.maximumFrameSize else { return .violation(.tooLong) }
        self.startFrame()
        return .frame(size: size, isSound: Checksum.xor(bytes, count: size) == 0)
    }

    private mutating func startFrame() {
        self.scanned = 0
        self.scannedXOR = 0
        self.refuted = DialectSet()
    }

    /// A set of dialects without an allocation.
    private struct DialectSet {
        private var bits: UInt8 = 0

        private static func bit(_ dialect: LengthDialect) -> UInt8 {
            switch dialect {
            case .total: 1
            case .afterLength: 2
            case .body: 4
            case .content: 8
            case .marker: 16
            }
        }

        func contains(_ dialect: LengthDialect) -> Bool { self.bits & Self.bit(dialect) != 0 }

        mutating func insert(_ dialect: LengthDialect) { self.bits |= Self.bit(dialect) }
    }

    // MARK: Fields

    /// Whether the five bytes at `bytes` are `$TTMS`.
    @inlinable
    @inline(__always)
    static func hasHeader(_ bytes: UnsafeRawPointer) -> Bool {
        UInt32(bigEndian: bytes.loadUnaligned(as: UInt32.self)) == Frame.headerPrefix
            && bytes.load(fromByteOffset: 4, as: UInt8.self) == Frame.terminalMark
    }

    /// Whether the bytes begin with `$TTMS`, or are a beginning of it.
    static func beginsWithHeader(_ bytes: UnsafeRawPointer, count: Int) -> Bool {
        if count >= Frame.headerSize { return Self.hasHeader(bytes) }
        return Frame.terminalHeader.withUTF8Buffer { header in
            (0..<count).allSatisfy { bytes.load(fromByteOffset: $0, as: UInt8.self) == header[$0] }
        }
    }

    @inlinable
    @inline(__always)
    static func lengthField(_ bytes: UnsafeRawPointer) -> UInt16 {
        UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: Frame.lengthOffset, as: UInt16.self))
    }
}
