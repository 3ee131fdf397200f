import CLinuxTCP
import NIOCore
import RelayCore
import TTMSProtocol

/// A terminal's TCP connection: its session, the bytes on their way to it, and what of them is delivered.
///
/// Confined to its shard's event loop. Bytes leave by a system call of our own as long as the socket takes them, because
/// SwiftNIO's way costs a retained buffer and a queue entry per write; when the socket is full, SwiftNIO is given one piece at a
/// time, watches the socket for us, and we go on directly when the piece is written (`isBlocked`).
///
/// Its fields stand in the order of their use: with thousands of terminals none of this is in a cache when a frame comes, so what
/// one frame touches on its way in, and on its way out, should lie in few cache lines.
final class TerminalConnection {
    // What a read touches.

    /// Strong, which costs no check per use: the shard outlives its connections, and forgets them when they close.
    let shard: Shard
    private(set) var phase = ConnectionPhase.open
    /// Why it ended; `nil` until it is closed.
    var closeReason: CloseReason? { self.phase.closeReason }
    /// Heartbeats are neither answered nor registered any more.
    var isEnding: Bool { self.phase.isEnding }
    /// Why it is not read from.
    private var pauses = PauseReasons() {
        didSet { if oldValue.isOfRelay != self.pauses.isOfRelay { self.recountUnfinished() } }
    }
    /// Counts reads, so that a quiet time that has been overtaken by a read is known as such.
    var reads: UInt32 = 0
    /// When bytes came last; before the first heartbeat, when it was accepted.
    var lastReceived: NIODeadline
    /// The bytes of an unfinished frame; empty, and owning nothing, nearly always.
    private(set) var unfinished = ByteBuffer()
    /// When the first of them came.
    private(set) var unfinishedSince = NIODeadline.uptimeNanoseconds(0)
    var parser: FrameParser
    var session = Session()
    /// Where it has sent data since its last heartbeat.
    var destinations = RecentDestinations()
    /// Data frames from it that its source's counters do not know yet (``Shard/settleCounters(of:)``).
    var uncounted = TakenFrames()

    // What a frame for it touches.

    /// It is in the shard's list of connections to flush.
    var isDirty = false
    /// It waits in the ``AcknowledgementQueue`` for a sample.
    var isAwaitingSample = false
    /// It waits in the ``AcknowledgementQueue`` to have its frames journalled.
    var isAwaitingJournal = false
    var pace = AcknowledgementPace()
    /// SwiftNIO is writing a piece.
    private var isBlocked = false
    private let descriptor: CInt
    var outbound: OutboundBytes
    var window = DeliveryWindow()
    /// Frames delivered to its source that the source's counters do not know yet.
    var uncountedDeliveries = (frames: 0, bytes: 0)

    // What is needed now and then.

    let id: UInt64
    /// Its first heartbeat may send it to another shard; not any more once that has failed.
    var mayMove = true
    /// Its terminals that are fed from disk because it reads too slowly.
    var spilledTerminals = 0
    /// The heartbeat that waited to take a terminal over is the next one that is handled.
    var mayTakeOver = false
    /// When it was last over its high watermark.
    var relievedAt = NIODeadline.distantPast
    /// Which of its terminals is fed next when there is room.
    var nextFed = 0
    /// When it was probed last because the relay was full.
    var probedAt = NIODeadline.distantPast
    /// What it sent that is no frame.
    var foreign: ForeignBytes?
    /// The terminal that it must not register, for which it is closed.
    var refused: CCID?
    /// The shard that it has to move to.
    var destination: Int?
    let channel: any Channel
    let listener: ListenerOptions
    let addresses: ConnectionAddresses
    let openedAt: Timestamp
    /// The terminal of the latest heartbeat, for its counters; `nil` while another event loop has it.
    var source: Terminal?
    /// What came and was delivered, but for what is not counted yet (``Shard/settleCounters(of:)``).
    var counters = ConnectionCounters()
    /// `nil` once the channel is closed.
    var handler: TerminalHandler?
    /// Its place in the shard's list of connections.
    var index = 0
    /// It is in the shard's list of connections that wait for room before the store is asked for more.
    var isStarved = false
    /// A heartbeat is not answered yet: what the connection sent before it is not safe. What came behind it waits.
    var isAwaitingReceipt: Bool {
        get { self.pauses.contains(.receipt) }
        set { newValue ? self.pause(for: .receipt) : self.goOnReading(after: .receipt) }
    }
    /// The receipt that it waits for.
    var receiptRequest: ReceiptRequest?
    /// Something that it brought has to wait, and what comes behind that waits, too.
    var isKeepingBack: Bool {
        !self.pauses.isDisjoint(with: [.receipt, .full, .takeover, .turn]) || self.pauses.contains(.store) && !self.isTakingRest
    }
    /// It ends: what it has brought is taken although the store is behind.
    private(set) var isTakingRest = false
    /// The peer has sent its last byte; what is on its way to it may still arrive.
    var isFinishing: Bool { self.phase == .finishing }
    /// A second descriptor of the socket, for the bytes that were unread when the peer's FIN or RST came: SwiftNIO closes the first
    /// one when the connection breaks.
    private var inputDescriptor: CInt?
    /// Bytes that had arrived and were not handled when the connection ended.
    private(set) var unreadBytes = 0

    init(
        id: UInt64,
        openedAt: Timestamp,
        channel: any Channel,
        descriptor: CInt,
        listener: ListenerOptions,
        addresses: ConnectionAddresses,
        shard: Shard,
        now: NIODeadline
    ) {
        self.id = id
        self.channel = channel
        self.descriptor = descriptor
        self.listener = listener
        self.addresses = addresses
        self.shard = shard
        self.openedAt = openedAt
        self.lastReceived = now
        let session = shard.options.session
        self.parser = FrameParser(dialect: listener.dialect, maximumFrameSize: session.maximumFrameSize)
        self.outbound = OutboundBytes(pool: shard.chunks)
    }

    /// Whether the descriptor is still this connection's. SwiftNIO closes it only in `close`, which we call after the close reason
    /// is set, or just before `channelInactive`, which sets it before anything else of ours runs: so without a close reason there
    /// is no need to ask the channel, which costs a cache miss per write.
    private var hasDescriptor: Bool { self.phase.isOpen || self.channel.isActive }

    // MARK: Putting

    /// Rewrites `frame` behind everything that leaves, as `owner` gets it.
    @inline(__always)
    func put(_ frame: FrameView, from source: CCID, to owner: CCID) {
        self.window.append(
            owner: owner,
            offset: self.outbound.put,
            size: frame.size,
            saysItsSize: Int(frame.lengthField) == frame.size,
            now: self.shard.tickTime
        )
        FrameRewriter.forward(frame, from: source, to: self.outbound.reserve(frame.size))
    }

    /// Puts a copy of a frame that has been rewritten already.
    func put(rewritten frame: UnsafeRawBufferPointer, _ entry: AppendBatch.Entry) {
        guard let start = frame.baseAddress, frame.count >= Frame.minimumSize else { return }
        let view = FrameView(bytes: start, size: frame.count, isSound: true)
        self.window.append(
            owner: entry.ccid,
            offset: self.outbound.put,
            size: frame.count,
            saysItsSize: Int(view.lengthField) == frame.count,
            now: self.shard.tickTime,
            takenAt: entry.takenAt ?? self.shard.tickTime
        )
        self.outbound.reserve(frame.count).copyMemory(from: start, byteCount: frame.count)
    }

    /// Puts frames that the store has read.
    func put(_ run: StoredRun, to owner: CCID) {
        run.bytes.withUnsafeReadableBytes { bytes in
            self.window.append(
                owner: owner,
                offset: self.outbound.put,
                bytes: bytes.count,
                stored: run.marks,
                now: self.shard.tickTime
            )
            self.outbound.put(bytes)
        }
    }

    // MARK: Writing

    /// Writes what has been put.
    ///
    /// - Returns: `false` when the connection is broken; it has to be closed.
    func flush() -> Bool {
        guard !self.isBlocked else { return true }
        if self.outbound.hasUnwritten {
            guard self.hasDescriptor else { return false }
            switch self.outbound.write(to: self.descriptor, of: self.shard.sockets) {
            case .done: break
            case .full:
                self.writePiece()
                return true
            case .failed: return false
            }
        }
        self.releaseReplies()
        return true
    }

    /// Releases the memory of replies to heartbeats that the socket has taken: they are in no run, and are never sent again.
    func releaseReplies() {
        if self.window.isEmpty { self.outbound.releaseWritten() }
    }

    /// Takes out of the window what is acknowledged, and releases its memory.
    func takeAcknowledged(_ delivered: (DeliveryWindow.Run) -> Void) {
        self.window.acknowledge(upTo: self.outbound.acknowledged, delivered)
        self.outbound.release(before: self.window.start ?? self.outbound.acknowledged)
        self.releaseReplies()
    }

    /// Bytes that SwiftNIO is given at once while the socket is full.
    private static let pieceSize = 32 << 10

    private func writePiece() {
        let piece = self.outbound.nextPiece(limit: Self.pieceSize)
        let size = piece.readableBytes
        self.isBlocked = true
        let written = self.channel.eventLoop.makePromise(of: Void.self)
        // `assumeIsolated`: the promise is kept on the channel's event loop, which is the shard's.
        written.futureResult.assumeIsolated().whenSuccess {
            self.isBlocked = false
            self.outbound.pieceWritten(size)
            self.shard.markDirty(self)
        }
        self.channel.writeAndFlush(piece, promise: written)
    }

    /// Frames of these runs, which are not in the window any more, do not leave unless the socket has some of their bytes: they are
    /// delivered elsewhere.
    func withdraw(_ runs: [DeliveryWindow.Run]) {
        let firstUnsent = self.outbound.firstUnsent
        let ranges = runs.compactMap { run -> Range<UInt64>? in
            guard run.end > firstUnsent else { return nil }
            let bytes = self.outbound.copy(from: run.start, to: run.end)
            var start = run.start
            for size in bytes.withUnsafeReadableBytes({ run.frameSizes(in: $0) }) where start < firstUnsent {
                start += UInt64(size)
            }
            return start >= firstUnsent && start < run.end ? start..<run.end : nil
        }
        guard !ranges.isEmpty else { return }
        self.outbound.withdraw(ranges)
        self.window.withdraw(ranges)
    }

    // MARK: Acknowledgement

    /// Bytes of the object that hold what is touched, not to the byte.
    private static let size: CInt = 512

    /// Has the memory fetched that the sweep will touch.
    func prefetch() {
        memory_prefetch(Unmanaged.passUnretained(self).toOpaque(), Self.size)
    }

    /// Asks the kernel how much the peer has acknowledged.
    ///
    /// - Returns: whether that is more than before.
    func sampleAcknowledgement() -> Bool {
        guard self.outbound.unacknowledged > 0, self.hasDescriptor else { return false }
        let outstanding = self.shard.sockets.unacknowledged(self.descriptor)
        return outstanding >= 0 && self.outbound.acknowledge(allBut: outstanding)
    }

    /// Records the kernel's measure of how far away the peer is.
    func measureRoundTrip() {
        guard self.hasDescriptor else { return }
        self.pace.measured(microseconds: self.shard.sockets.roundTrip(self.descriptor))
    }

    /// Bytes that have been put and that the peer's kernel does not have, as that says now. With `confirm: heartbeat` fewer than
    /// ``OutboundBytes/unacknowledged``: a peer whose heartbeats were not read could confirm nothing any more.
    var unread: Int {
        guard self.hasDescriptor else { return self.outbound.unacknowledged }
        let outstanding = self.shard.sockets.unacknowledged(self.descriptor)
        guard outstanding >= 0 else { return self.outbound.unacknowledged }
        return min(self.outbound.unwritten + outstanding, self.outbound.unacknowledged)
    }

    // MARK: Reading

    /// Whether more of the burst is there than one read took.
    var hasMoreToRead: Bool { self.arrivedBytes > 0 }

    /// Bytes that have arrived and were not read.
    var arrivedBytes: Int { self.readableDescriptor.map { max(self.shard.sockets.readable($0), 0) } ?? 0 }

    /// The descriptor that bytes can be read from; `nil` once the socket is gone.
    private var readableDescriptor: CInt? {
        self.inputDescriptor ?? (self.channel.isActive ? self.descriptor : nil)
    }

    /// Reads what has arrived, at most `limit` bytes and what `buffer` has room for.
    ///
    /// - Returns: how many bytes were read.
    func receive(into buffer: inout ByteBuffer, limit: Int) -> Int {
        guard let descriptor = self.readableDescriptor else { return 0 }
        return buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: 0) { room in
            let room = UnsafeMutableRawBufferPointer(rebasing: room.prefix(limit))
            return max(self.shard.sockets.receive(descriptor, into: room), 0)
        }
    }

    /// SwiftNIO reads nothing more: the peer's FIN or RST has come. What has arrived is read by the relay itself, and stays readable
    /// when SwiftNIO closes its descriptor, unless none is left for that.
    func inputWasClosed() {
        if self.phase == .open { self.phase = .inputClosed }
        guard self.inputDescriptor == nil, self.hasMoreToRead else { return }
        self.inputDescriptor = self.duplicateDescriptor()
    }

    var isPaused: Bool { !self.pauses.isEmpty }

    /// Whether it is paused for one of the reasons.
    func isPaused(for reasons: PauseReasons) -> Bool { !self.pauses.isDisjoint(with: reasons) }

    /// Why it is not read from, as operators see it: of several causes the one that may last longest.
    var pause: ConnectionSnapshot.Pause? {
        if self.pauses.contains(.full) { return .noRoom }
        if self.pauses.contains(.store) { return .storeBehind }
        if self.pauses.contains(.replies) { return .repliesUnread }
        if self.pauses.contains(.receipt) { return .receiptDue }
        return self.pauses.contains(.takeover) ? .takeoverDue : nil
    }

    /// Stops reading: TCP then holds the sender back.
    func pause(for reason: PauseReasons) {
        let wasReading = self.pauses.isEmpty
        self.pauses.insert(reason)
        if wasReading { self.setReading(false) }
    }

    /// Goes on reading when there is no other reason not to.
    func goOnReading(after reason: PauseReasons) {
        guard self.pauses.remove(reason) != nil, self.pauses.isEmpty else { return }
        self.setReading(true)
    }

    private func setReading(_ isReading: Bool) {
        guard self.channel.isActive else { return }
        try? self.channel.syncOptions?.setOption(.autoRead, value: isReading)
    }

    /// Ends all waiting, without reading on: what has arrived is handled now or never.
    ///
    /// - Parameter takesRest: also when the store is behind.
    func endPauses(takesRest: Bool) {
        self.receiptRequest?.end()
        self.receiptRequest = nil
        self.isTakingRest = takesRest
        self.pauses.subtract([.receipt, .store, .full, .takeover, .turn])
    }

    // MARK: Unfinished frames

    /// Keeps `bytes` until more come.
    ///
    /// - Parameter since: when the first of them came; `nil` for now.
    func keepUnfinished(_ bytes: ByteBuffer, since: NIODeadline? = nil) {
        self.unfinishedSince = since ?? self.shard.tickTime
        self.countUnfinished(bytes.storageCapacity - self.unfinished.storageCapacity)
        self.unfinished = bytes
    }

    /// Adds `bytes` to those that are kept.
    func addUnfinished(_ bytes: inout ByteBuffer) {
        if self.unfinished.readableBytes == 0 { self.unfinishedSince = self.shard.tickTime }
        let before = self.unfinished.storageCapacity
        self.unfinished.writeBuffer(&bytes)
        self.countUnfinished(self.unfinished.storageCapacity - before)
    }

    /// Hands out the bytes that are kept.
    func takeUnfinished() -> ByteBuffer {
        let bytes = self.unfinished
        self.countUnfinished(-bytes.storageCapacity)
        self.unfinished = ByteBuffer()
        return bytes
    }

    /// Whether the peer is to send the rest of a frame.
    var isUnfinished: Bool { self.unfinished.readableBytes > 0 && !self.isHeldBack }

    /// Whether the kept bytes wait for the relay, and not for the peer.
    var isHeldBack: Bool { self.pauses.isOfRelay }

    private func countUnfinished(_ change: Int) { self.shard.countUnfinished(change, isHeldBack: self.isHeldBack) }

    /// The relay begins to hold the connection back, or ends that: from then on the peer has its time for the rest.
    private func recountUnfinished() {
        let size = self.unfinished.storageCapacity
        // What a closed connection keeps is counted no more.
        guard size > 0, self.closeReason == nil else { return }
        self.shard.countUnfinished(-size, isHeldBack: !self.isHeldBack)
        self.countUnfinished(size)
        if !self.isHeldBack { self.unfinishedSince = self.shard.eventLoop.now }
    }

    // MARK: Moving

    /// Has the kernel ask the peer soon whether it is there, or as the options say.
    func probe(_ isProbing: Bool) {
        guard self.hasDescriptor else { return }
        let hasUnacknowledged = self.outbound.unacknowledged > 0
        self.shard.sockets.probe(self.descriptor, isProbing, hasUnacknowledged: hasUnacknowledged, self.shard.options.tcp)
    }

    /// Hands out a descriptor of its socket that SwiftNIO does not close; `nil` when there is none left.
    func takeDescriptor() -> CInt? {
        guard let descriptor = self.inputDescriptor else { return self.duplicateDescriptor() }
        self.inputDescriptor = nil
        return descriptor
    }

    /// Another descriptor of its socket; `nil` when there is none left.
    private func duplicateDescriptor() -> CInt? {
        guard self.hasDescriptor else { return nil }
        let descriptor = self.shard.sockets.duplicate(self.descriptor)
        return descriptor >= 0 ? descriptor : nil
    }

    /// The connection goes on elsewhere: nothing of what is still to come for this channel concerns anybody.
    func leave() {
        // Overtakes a quiet time that is running.
        self.reads &+= 1
        _ = self.takeUnfinished()
        self.phase = .moved
        self.handler?.detach()
        self.handler = nil
        self.channel.close(promise: nil)
    }

    /// Counts the data frames from it whose source does not wait for them any more.
    func countUncounted() {
        self.counters.framesReceived &+= self.uncounted.frames
        self.counters.bytesReceived &+= self.uncounted.bytes
        self.uncounted = TakenFrames()
    }

    // MARK: Closing

    /// What a peer may still send while its connection is closed: a burst, but not a flood.
    private static let discardLimit = 256 << 10

    /// Forgets what has arrived, so that closing does not reset the connection under what the peer has not read: its kernel has
    /// acknowledged that, so it counts as delivered, and some forget it at a reset.
    func discardUnread() {
        if let descriptor = self.readableDescriptor { self.shard.sockets.discard(descriptor, limit: Self.discardLimit) }
    }

    /// The end of the connection is decided.
    ///
    /// - Parameter readsRest: what has arrived before is still handled.
    /// - Returns: `false` when that was so already; the first reason stays.
    func beginClosing(_ reason: CloseReason, readsRest: Bool) -> Bool {
        switch self.phase {
        case .open, .inputClosed: self.phase = .closing(reason, readsRest: readsRest)
        case .finishing: self.phase = .closing(.peerClosed, readsRest: readsRest)
        case .closing(let first, _):
            // A frame of the rest breaks the protocol: what follows it does not count.
            if !readsRest { self.phase = .closing(first, readsRest: false) }
            return false
        case .closed, .moved: return false
        }
        return true
    }

    /// All that the peer has sent is handled, or will not be. Nothing is put on the connection any more.
    func beginFinishing() { self.phase = .finishing }

    /// What has arrived is handled, as far as it is to be.
    func didClose() {
        guard case .closing(let reason, let readsRest) = self.phase else { return }
        // An unfinished frame is nobody's loss; one that had to wait is.
        self.unreadBytes = self.arrivedBytes + (self.isKeepingBack || !readsRest ? self.unfinished.readableBytes : 0)
        self.countUnfinished(-self.unfinished.storageCapacity)
        self.phase = .closed(reason)
    }

    /// Closes the channel, and the socket with it.
    func closeSocket() {
        // The channel keeps the connection until the end of the tick, in which hundreds may be closed for their unfinished frames.
        if !self.isHeldBack { self.unfinished = ByteBuffer() }
        self.channel.close(promise: nil)
        guard let descriptor = self.inputDescriptor else { return }
        self.inputDescriptor = nil
        self.shard.sockets.close(descriptor)
    }
}

/// How far the end of a connection has come.
enum ConnectionPhase: Equatable {
    /// Both sides may send.
    case open
    /// The peer's FIN has come. Bytes that came before it may be unread: the relay reads them itself, as soon as nothing holds the
    /// connection back.
    case inputClosed
    /// All that the peer has sent is handled; what is in flight to it may still be acknowledged.
    case finishing
    /// The connection ends for that reason: what arrived before is handled, without answers. With `readsRest: false` it broke the
    /// protocol, and what follows the offending frame is not handled.
    case closing(CloseReason, readsRest: Bool)
    /// Nothing more is read or written.
    case closed(CloseReason)
    /// It goes on, or ends, on another event loop.
    case moved

    var closeReason: CloseReason? {
        if case .closed(let reason) = self { reason } else { nil }
    }

    /// Whether its end is not decided.
    var isOpen: Bool {
        switch self {
        case .open, .inputClosed, .finishing: true
        case .closing, .closed, .moved: false
        }
    }

    /// Whether its heartbeats come too late to be answered, or to register a terminal.
    var isEnding: Bool {
        switch self {
        case .open, .inputClosed: false
        case .finishing, .closing, .closed, .moved: true
        }
    }

    /// Whether bytes from the peer are handled.
    var isReceiving: Bool {
        switch self {
        case .open, .inputClosed, .finishing, .closing(_, readsRest: true): true
        case .closing, .closed, .moved: false
        }
    }

    /// Whether its first heartbeat may send it to another event loop. One that the relay itself ends stays.
    var mayMove: Bool {
        switch self {
        case .open, .inputClosed, .finishing, .closing(.connectionLost, readsRest: true): true
        case .closing, .closed, .moved: false
        }
    }
}

/// Why a connection is not read from.
struct PauseReasons: OptionSet {
    let rawValue: UInt8

    /// The store is behind with what this connection sends.
    static let store = PauseReasons(rawValue: 1)
    /// It does not read the replies to its heartbeats.
    static let replies = PauseReasons(rawValue: 2)
    /// A heartbeat's receipt is due.
    static let receipt = PauseReasons(rawValue: 4)
    /// The relay stops.
    static let stop = PauseReasons(rawValue: 8)
    /// One read brought more heartbeats than one turn of the event loop handles.
    static let turn = PauseReasons(rawValue: 16)
    /// The store has no room for the next frame on it.
    static let full = PauseReasons(rawValue: 32)
    /// Its heartbeat would take a terminal over that was taken over too often lately.
    static let takeover = PauseReasons(rawValue: 64)

    /// Whether the relay has a reason of its own, and not only that the peer reads no replies.
    var isOfRelay: Bool { !self.subtracting(.replies).isEmpty }
}
