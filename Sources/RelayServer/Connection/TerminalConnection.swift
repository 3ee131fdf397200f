import CLinuxTCP
import NIOCore
import RelayCore
import TTMSProtocol

/// A terminal's TCP connection: its session, the bytes on their way to it, and the record of their delivery.
///
/// Confined to its shard's event loop. Bytes leave by the relay's own system call as long as the socket takes them. A write by
/// SwiftNIO would cost a retained buffer and a queue entry. When the socket is full, SwiftNIO writes one piece at a time and waits
/// for the socket (`isBlocked`). The relay writes directly again when the piece is written.
///
/// Its fields stand in the order of their use. With thousands of terminals it is in no cache when a frame comes. The fields that
/// one frame touches should therefore lie in few cache lines.
final class TerminalConnection {
    // Touched by a read.

    /// Strong, which costs no check per use: the shard outlives its connections, and drops them when they close.
    let shard: Shard
    private(set) var phase = ConnectionPhase.open
    /// The close reason; `nil` until it is closed.
    var closeReason: CloseReason? { self.phase.closeReason }
    /// Whether heartbeats are no longer answered or registered.
    var isEnding: Bool { self.phase.isEnding }
    /// The causes for which it is not read from.
    private var pauses = PauseReasons() {
        didSet { if oldValue.isOfRelay != self.pauses.isOfRelay { self.recountUnfinished() } }
    }
    /// The number of reads, by which a task that waits for a quiet time detects a later read.
    var reads: UInt32 = 0
    /// The time of the last bytes; before the first heartbeat, the time of acceptance.
    var lastReceived: NIODeadline
    /// The bytes of an unfinished frame; nearly always empty, without memory of its own.
    private(set) var unfinished = ByteBuffer()
    /// The time at which the first of them came.
    private(set) var unfinishedSince = NIODeadline.uptimeNanoseconds(0)
    var parser: FrameParser
    var session = Session()
    /// The destinations of its data frames since its last heartbeat.
    var destinations = RecentDestinations()
    /// Data frames from it that its source's counters do not include yet (``Shard/settleCounters(of:)``).
    var uncounted = TakenFrames()

    // Touched by a frame for it.

    /// Whether it is in the shard's list of connections to flush.
    var isDirty = false
    /// Whether it waits in the ``AcknowledgementQueue`` for a sample.
    var isAwaitingSample = false
    /// Whether it waits in the ``AcknowledgementQueue`` to have its frames journalled.
    var isAwaitingJournal = false
    var pace = AcknowledgementPace()
    /// Whether SwiftNIO is writing a piece.
    private var isBlocked = false
    private let descriptor: CInt
    var outbound: OutboundBytes
    var window = DeliveryWindow()
    /// Frames delivered to its source that the source's counters do not include yet.
    var uncountedDeliveries = (frames: 0, bytes: 0)

    // Touched less often.

    let id: UInt64
    /// Whether its first heartbeat may send it to another shard; `false` once that has failed.
    var mayMove = true
    /// The number of its terminals that are fed from disk because it reads too slowly.
    var spilledTerminals = 0
    /// Whether the heartbeat that waited to take a terminal over is the next one that is handled.
    var mayTakeOver = false
    /// The time at which it was last above its high watermark.
    var relievedAt = NIODeadline.distantPast
    /// The index of its terminal that is fed next when there is room.
    var nextFed = 0
    /// The time at which it was last probed because the relay was full.
    var probedAt = NIODeadline.distantPast
    /// The bytes that it sent instead of a frame.
    var foreign: ForeignBytes?
    /// The terminal that it must not register, and for which it is closed.
    var refused: CCID?
    /// The shard that it has to move to.
    var destination: Int?
    let channel: any Channel
    let listener: ListenerOptions
    let addresses: ConnectionAddresses
    let openedAt: Timestamp
    /// The terminal of the latest heartbeat, for its counters; `nil` while another event loop has it.
    var source: Terminal?
    /// Frames received and delivered, without those that are not counted yet (``Shard/settleCounters(of:)``).
    var counters = ConnectionCounters()
    /// `nil` once the channel is closed.
    var handler: TerminalHandler?
    /// Its place in the shard's list of connections.
    var index = 0
    /// Whether it is in the shard's list of connections that wait for room before more is read from the store.
    var isStarved = false
    /// Whether a heartbeat is not answered yet, because frames before it are not safe. Bytes after it wait.
    var isAwaitingReceipt: Bool {
        get { self.pauses.contains(.receipt) }
        set { newValue ? self.pause(for: .receipt) : self.resumeReading(after: .receipt) }
    }
    /// The receipt that it waits for.
    var receiptRequest: ReceiptRequest?
    /// Whether a frame that it brought has to wait, and all bytes after it with it.
    var isDeferringInput: Bool {
        !self.pauses.isDisjoint(with: [.receipt, .full, .takeover, .turn]) || self.pauses.contains(.store) && !self.isTakingRest
    }
    /// Whether it ends, so that the bytes it has brought are handled although the store is behind.
    private(set) var isTakingRest = false
    /// Whether the peer has sent its last byte, and frames in flight may still arrive.
    var isFinishing: Bool { self.phase == .finishing }
    /// A second descriptor of the socket, for bytes that were unread when the peer's FIN or RST came. SwiftNIO closes the first one
    /// when the connection breaks.
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

    /// Whether the descriptor is still this connection's. SwiftNIO closes it only in `close`, which the relay calls after the close
    /// reason is set, or just before `channelInactive`, which sets the reason first. Without a close reason, reading the channel's
    /// state, which costs a cache miss per write, is therefore not necessary.
    private var hasDescriptor: Bool { self.phase.isOpen || self.channel.isActive }

    // MARK: Putting

    /// Rewrites `frame` for `owner` and appends it to the outbound bytes.
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

    /// Appends a copy of a frame that has been rewritten already.
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

    /// Appends frames that the store has read.
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

    /// Writes the outbound bytes.
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

    /// Releases the memory of heartbeat replies that the socket has taken: they are in no run, and are never sent again.
    func releaseReplies() {
        if self.window.isEmpty { self.outbound.releaseWritten() }
    }

    /// Removes acknowledged runs from the window, and releases their memory.
    func takeAcknowledged(_ delivered: (DeliveryWindow.Run) -> Void) {
        self.window.acknowledge(upTo: self.outbound.acknowledged, delivered)
        self.outbound.release(before: self.window.start ?? self.outbound.acknowledged)
        self.releaseReplies()
    }

    /// The most bytes that SwiftNIO writes at once while the socket is full.
    private static let pieceSize = 32 << 10

    private func writePiece() {
        let piece = self.outbound.nextPiece(limit: Self.pieceSize)
        let size = piece.readableBytes
        self.isBlocked = true
        let written = self.channel.eventLoop.makePromise(of: Void.self)
        // `assumeIsolated`: the promise completes on the channel's event loop, which is the shard's.
        written.futureResult.assumeIsolated().whenSuccess {
            self.isBlocked = false
            self.outbound.pieceWritten(size)
            self.shard.markDirty(self)
        }
        self.channel.writeAndFlush(piece, promise: written)
    }

    /// Withdraws the frames of these runs, which are no longer in the window, unless the socket has some of their bytes: they are
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

    /// The approximate size of the object's part that a sweep touches, in bytes.
    private static let size: CInt = 512

    /// Prefetches the memory that the sweep will touch.
    func prefetch() {
        memory_prefetch(Unmanaged.passUnretained(self).toOpaque(), Self.size)
    }

    /// Reads from the kernel how many bytes the peer has acknowledged.
    ///
    /// - Returns: whether they are more than before.
    func sampleAcknowledgement() -> Bool {
        guard self.outbound.unacknowledged > 0, self.hasDescriptor else { return false }
        let outstanding = self.shard.sockets.unacknowledged(self.descriptor)
        return outstanding >= 0 && self.outbound.acknowledge(allBut: outstanding)
    }

    /// Records the kernel's measurement of the round trip to the peer.
    func measureRoundTrip() {
        guard self.hasDescriptor else { return }
        self.pace.measured(microseconds: self.shard.sockets.roundTrip(self.descriptor))
    }

    /// Bytes that have been put and that the peer's kernel does not have, by the kernel's current state. With `confirm: heartbeat`
    /// they are fewer than ``OutboundBytes/unacknowledged``. The relay must continue to read such a peer's heartbeats, because they
    /// alone confirm.
    var unread: Int {
        guard self.hasDescriptor else { return self.outbound.unacknowledged }
        let outstanding = self.shard.sockets.unacknowledged(self.descriptor)
        guard outstanding >= 0 else { return self.outbound.unacknowledged }
        return min(self.outbound.unwritten + outstanding, self.outbound.unacknowledged)
    }

    // MARK: Reading

    /// Whether more bytes have arrived than one read took.
    var hasMoreToRead: Bool { self.arrivedBytes > 0 }

    /// The number of bytes that have arrived and were not read.
    var arrivedBytes: Int { self.readableDescriptor.map { max(self.shard.sockets.readable($0), 0) } ?? 0 }

    /// The descriptor that bytes can be read from; `nil` once the socket is closed.
    private var readableDescriptor: CInt? {
        self.inputDescriptor ?? (self.channel.isActive ? self.descriptor : nil)
    }

    /// Reads bytes that have arrived, at most `limit` and as many as `buffer` has room for.
    ///
    /// - Returns: the number of bytes read.
    func receive(into buffer: inout ByteBuffer, limit: Int) -> Int {
        guard let descriptor = self.readableDescriptor else { return 0 }
        return buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: 0) { room in
            let room = UnsafeMutableRawBufferPointer(rebasing: room.prefix(limit))
            return max(self.shard.sockets.receive(descriptor, into: room), 0)
        }
    }

    /// Records that the peer's FIN or RST has come, after which SwiftNIO reads nothing more. The relay itself reads the bytes that
    /// have arrived. They stay readable when SwiftNIO closes its descriptor, unless no further descriptor is available.
    func inputWasClosed() {
        if self.phase == .open { self.phase = .inputClosed }
        guard self.inputDescriptor == nil, self.hasMoreToRead else { return }
        self.inputDescriptor = self.duplicateDescriptor()
    }

    var isPaused: Bool { !self.pauses.isEmpty }

    /// Whether it is paused for one of `reasons`.
    func isPaused(for reasons: PauseReasons) -> Bool { !self.pauses.isDisjoint(with: reasons) }

    /// The cause of the pause, as operators see it: of several, the one that may last longest.
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

    /// Removes a cause of the pause, and resumes reading when there is no other.
    func resumeReading(after reason: PauseReasons) {
        guard self.pauses.remove(reason) != nil, self.pauses.isEmpty else { return }
        self.setReading(true)
    }

    private func setReading(_ isReading: Bool) {
        guard self.channel.isActive else { return }
        try? self.channel.syncOptions?.setOption(.autoRead, value: isReading)
    }

    /// Ends all pauses without reading again: bytes that have arrived are handled now or never.
    ///
    /// - Parameter takesRest: whether they are handled also when the store is behind.
    func endPauses(takesRest: Bool) {
        self.receiptRequest?.end()
        self.receiptRequest = nil
        self.isTakingRest = takesRest
        self.pauses.subtract([.receipt, .store, .full, .takeover, .turn])
    }

    // MARK: Unfinished frames

    /// Stores `bytes` until more come.
    ///
    /// - Parameter since: the time at which the first of them came; `nil` for now.
    func keepUnfinished(_ bytes: ByteBuffer, since: NIODeadline? = nil) {
        self.unfinishedSince = since ?? self.shard.tickTime
        self.countUnfinished(bytes.storageCapacity - self.unfinished.storageCapacity)
        self.unfinished = bytes
    }

    /// Appends `bytes` to the unfinished ones.
    func addUnfinished(_ bytes: inout ByteBuffer) {
        if self.unfinished.readableBytes == 0 { self.unfinishedSince = self.shard.tickTime }
        let before = self.unfinished.storageCapacity
        self.unfinished.writeBuffer(&bytes)
        self.countUnfinished(self.unfinished.storageCapacity - before)
    }

    /// Takes the unfinished bytes.
    func takeUnfinished() -> ByteBuffer {
        let bytes = self.unfinished
        self.countUnfinished(-bytes.storageCapacity)
        self.unfinished = ByteBuffer()
        return bytes
    }

    /// Whether the rest of a frame is due from the peer.
    var isUnfinished: Bool { self.unfinished.readableBytes > 0 && !self.isHeldBack }

    /// Whether the unfinished bytes wait for the relay, and not for the peer.
    var isHeldBack: Bool { self.pauses.isOfRelay }

    private func countUnfinished(_ change: Int) { self.shard.countUnfinished(change, isHeldBack: self.isHeldBack) }

    /// Counts the unfinished bytes again when the relay begins or ceases to hold the connection back. From its end on the peer has
    /// its time for the rest.
    private func recountUnfinished() {
        let size = self.unfinished.storageCapacity
        // The bytes of a closed connection are no longer counted.
        guard size > 0, self.closeReason == nil else { return }
        self.shard.countUnfinished(-size, isHeldBack: !self.isHeldBack)
        self.countUnfinished(size)
        if !self.isHeldBack { self.unfinishedSince = self.shard.eventLoop.now }
    }

    // MARK: Moving

    /// Makes the kernel probe the peer soon, or restores the configured options.
    func probe(_ isProbing: Bool) {
        guard self.hasDescriptor else { return }
        let hasUnacknowledged = self.outbound.unacknowledged > 0
        self.shard.sockets.probe(self.descriptor, isProbing, hasUnacknowledged: hasUnacknowledged, self.shard.options.tcp)
    }

    /// Takes a descriptor of its socket that SwiftNIO does not close; `nil` when none is available.
    func takeDescriptor() -> CInt? {
        guard let descriptor = self.inputDescriptor else { return self.duplicateDescriptor() }
        self.inputDescriptor = nil
        return descriptor
    }

    /// Makes another descriptor of its socket; `nil` when none is available.
    private func duplicateDescriptor() -> CInt? {
        guard self.hasDescriptor else { return nil }
        let descriptor = self.shard.sockets.duplicate(self.descriptor)
        return descriptor >= 0 ? descriptor : nil
    }

    /// Ends this object, because the connection moves to another event loop: further events of this channel have no effect.
    func leave() {
        // Invalidates a task that waits for a quiet time.
        self.reads &+= 1
        _ = self.takeUnfinished()
        self.phase = .moved
        self.handler?.detach()
        self.handler = nil
        self.channel.close(promise: nil)
    }

    /// Counts the data frames from it after its source's counters have been settled.
    func countUncounted() {
        self.counters.framesReceived &+= self.uncounted.frames
        self.counters.bytesReceived &+= self.uncounted.bytes
        self.uncounted = TakenFrames()
    }

    // MARK: Closing

    /// The most bytes discarded from a peer while its connection is closed: a burst, but not a flood.
    private static let discardLimit = 256 << 10

    /// Discards the bytes that have arrived, so that closing does not reset the connection before the peer has read its bytes. The
    /// peer's kernel has acknowledged those, so they count as delivered, and some kernels drop them at a reset.
    func discardUnread() {
        if let descriptor = self.readableDescriptor { self.shard.sockets.discard(descriptor, limit: Self.discardLimit) }
    }

    /// Records the reason for which the connection ends.
    ///
    /// - Parameter readsRest: whether bytes that have arrived before are still handled.
    /// - Returns: `false` when a reason was recorded already; the first reason stays.
    func beginClosing(_ reason: CloseReason, readsRest: Bool) -> Bool {
        switch self.phase {
        case .open, .inputClosed: self.phase = .closing(reason, readsRest: readsRest)
        case .finishing: self.phase = .closing(.peerClosed, readsRest: readsRest)
        case .closing(let first, _):
            // A frame of the rest violates the protocol: bytes after it are not handled.
            if !readsRest { self.phase = .closing(first, readsRest: false) }
            return false
        case .closed, .moved: return false
        }
        return true
    }

    /// Records that all bytes of the peer are handled, or will not be. Nothing is put on the connection after that.
    func beginFinishing() { self.phase = .finishing }

    /// Records that the arrived bytes are handled, as far as they are to be.
    func didClose() {
        guard case .closing(let reason, let readsRest) = self.phase else { return }
        // Bytes of an unfinished frame are no loss; bytes that had to wait are.
        self.unreadBytes = self.arrivedBytes + (self.isDeferringInput || !readsRest ? self.unfinished.readableBytes : 0)
        self.countUnfinished(-self.unfinished.storageCapacity)
        self.phase = .closed(reason)
    }

    /// Closes the channel, and the socket with it.
    func closeSocket() {
        // The channel retains the connection until the end of the tick, in which hundreds may be closed for their unfinished
        // frames.
        if !self.isHeldBack { self.unfinished = ByteBuffer() }
        self.channel.close(promise: nil)
        guard let descriptor = self.inputDescriptor else { return }
        self.inputDescriptor = nil
        self.shard.sockets.close(descriptor)
    }
}
