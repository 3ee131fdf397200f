import Logging
import NIOCore
import RelayCore
import TTMSProtocol

/// The relay path's state on one event loop: its connections, its terminals, and the frames on their way to the store and to other
/// shards.
///
/// `@unchecked Sendable` because other threads hold references to it, which they only use to call `execute` on `eventLoop`. All
/// state is confined to that loop.
///
/// A tick is the work of the event loop between two waits. Its reads put frames into connections, the store's submission and the
/// batches for other shards. All of them leave at its end, together (``endTick()``): one system call per destination, one
/// submission, one batch per shard.
///
/// Files: `Shard+Frames` (the way of a frame), `Shard+Enqueue` and `Shard+Store` (submissions and their answers),
/// `Shard+Connections` (accept, register, takeover, close), `Shard+Move` (to the shard of their terminal), `Shard+Finish` (the
/// peer's last byte), `Shard+Sweep` (acknowledgement and timeouts), `Shard+Receipts` (the heartbeat as receipt), `Shard+Handover`
/// (terminals between shards), `Shard+Stop` (the end), `Shard+Operations` and `Shard+Lists` (operators' requests), `Shard+Blocks`
/// (blocked terminals and networks), `Shard+Full` (senders that wait for room in the store), `Shard+Events` (published events),
/// `Shard+Takeovers` (takeovers in quick succession), `Shard+Probes` (silent connections while the relay is full), `Shard+Traces` (the
/// progress of traced frames).
final class Shard: @unchecked Sendable {
    let index: Int
    /// The event loop, and the clock for deadlines: they use its `now`, never `NIODeadline.now()`.
    let eventLoop: any EventLoop
    let sockets: any Sockets
    let options: ServerOptions
    let groupCommit: any GroupCommit
    /// The store's set of full terminals, at hand for every read.
    let full: FullTerminals
    let limiter: ConnectionLimiter
    /// Connections that the acceptor has passed to this shard.
    let arrivals = Arrivals()
    let clock: RelayClock
    let steadyClock: SteadyClock
    let events: EventLog
    let logger: Logger
    /// All shards by index, this one included. Set once, before the first connection.
    private(set) var shards: [Shard] = []

    /// The submission being gathered, and the store's answers.
    let store = StoreClient()
    /// Frames in flight that are being written to the store.
    let journals = JournalRegister<TerminalConnection>()
    /// Receipts that wait for frames to be safe.
    let receipts = ReceiptGate()
    /// Senders that are not read from, because of the store.
    let heldSenders = HeldSenders()
    /// Frames that are held until the store has answered for their terminals.
    let heldFrames: HeldFrames
    /// Connections without room for the frames that the store has for their terminals.
    let starved = StarvedConnections()
    /// Connections whose peers have sent their last byte.
    let ending = EndingConnections()
    /// Terminals that were taken over recently.
    let takeoverLimiter = TakeoverLimiter()
    /// Terminals whose frames are between two event loops, or that are on another loop than their home.
    let handover = Handover()
    /// Frames for the other event loops.
    private(set) var peers = PeerBatches(count: 0)
    /// This event loop's part in counting the ledger.
    let cut = CutParticipation()
    /// Connections whose peers owe acknowledgements.
    let acknowledgements: AcknowledgementQueue
    let sweepTimer = SweepTimer()
    /// Operators' frames without an answer.
    let injections = PendingInjections()
    let tracedFrames = TracedFrames()
    /// Connections that ended.
    let closedConnections: ClosedConnections
    let closureLog = ClosureLog()
    /// Connections that are probed because the relay is full.
    let probed = ProbedConnections()
    let reported = ReportedState()
    /// Memory for frames whose rest the peers have not sent.
    let unfinishedMemory = UnfinishedMemory()
    /// Connections whose reads brought more than one turn handles.
    let longReads = LongReads()
    /// Terminals whose connections have ended, and that are detached in the following turns.
    let leaving = LeavingTerminals()
    /// Which rejected connections are published as events.
    let rejectionPace = RejectionPace()
    let chunks = ChunkPool()
    let receiveBuffers = ReceiveBuffers()

    private(set) var terminals = TerminalTable()
    /// Terminals here that have a connection.
    private(set) var terminalsOnline = 0
    private(set) var connections: [TerminalConnection] = []
    var counters = ShardCounters()
    private(set) var isStopping = false
    /// Whether connections move to the home shard of their first terminal.
    private(set) var movesConnections = false
    /// Terminals and networks that operators have blocked.
    private(set) var blocks = BlockList()

    // Data that leaves at the end of the tick.
    private var isTickScheduled = false
    private(set) var dirty: [TerminalConnection] = []
    /// The empty buffer of the last flush: two buffers alternate, so that a tick allocates none.
    private var spareDirty: [TerminalConnection] = []
    /// The time of the latest read, sweep or answer of the store. Frames are put with this time, without a clock query per frame.
    private(set) var tickTime: NIODeadline

    /// `nil` with one event loop.
    private(set) var liveTerminals: LiveTerminals?
    /// The table that all shards share if this one is the first.
    private let ownLiveTerminals = LiveTerminals()
    private let ownWaitingBytes = WaitingBytes()

    init(
        index: Int,
        eventLoop: any EventLoop,
        sockets: any Sockets = KernelSockets(),
        options: ServerOptions,
        groupCommit: any GroupCommit,
        limiter: ConnectionLimiter,
        clock: RelayClock,
        steadyClock: SteadyClock,
        events: EventLog,
        logger: Logger
    ) {
        self.index = index
        self.heldFrames = HeldFrames(sum: self.ownWaitingBytes)
        self.eventLoop = eventLoop
        self.sockets = sockets
        self.tickTime = eventLoop.now
        self.acknowledgements = AcknowledgementQueue(journal: options.journal, now: eventLoop.now)
        self.options = options
        self.groupCommit = groupCommit
        self.full = groupCommit.full
        self.limiter = limiter
        self.clock = clock
        self.steadyClock = steadyClock
        self.events = events
        self.closedConnections = ClosedConnections(shards: options.eventLoops)
        self.logger = logger
        // Not retained, which would cost a retain per submission: the shard owns the closure.
        self.store.gathered = { [unowned(unsafe) self] in self.scheduleTickEnd() }
    }

    /// Connects the shard to the others. Called once, before it serves.
    func connect(to shards: [Shard], movesConnections: Bool) {
        self.shards = shards
        self.movesConnections = movesConnections
        self.peers = PeerBatches(count: shards.count)
        self.liveTerminals = shards.count > 1 ? shards.first?.ownLiveTerminals : nil
        if let first = shards.first { self.heldFrames.share(first.ownWaitingBytes) }
    }

    /// Records that no more frames are accepted from terminals.
    func beginStopping() {
        self.isStopping = true
    }

    /// Replaces the block list by `blocks`.
    func use(_ blocks: BlockList) {
        self.blocks = blocks
    }

    /// Releases everything, and breaks reference cycles. Called when nothing runs on the event loop any longer.
    func release() {
        // References in cycles.
        for connection in self.connections {
            connection.handler = nil
            connection.source = nil
        }
        self.connections = []
        self.dirty = []
        self.terminals.forEach { _ = $0.takeHeld() }
        self.terminals = TerminalTable()
        self.receipts.removeAll()
        self.ending.removeAll()
        self.journals.removeAll()
        self.handover.removeAll()
        self.acknowledgements.removeAll(now: self.eventLoop.now)
        self.starved.removeAll()
        self.heldSenders.removeAll()
        self.takeoverLimiter.removeAll()
        self.probed.removeAll()
        self.leaving.removeAll()
        self.longReads.removeAll()
        self.unfinishedMemory.removeAll()
        self.shards = []
        self.liveTerminals = nil
    }

    // MARK: Tables

    func add(_ terminal: Terminal) { self.terminals.insert(terminal) }

    func remove(_ terminal: Terminal) { self.terminals.remove(terminal.ccid) }

    /// Counts a terminal that has got a connection.
    func cameOnline() {
        self.terminalsOnline += 1
        assert(self.terminalsOnline <= self.terminals.count)
    }

    /// Counts a terminal that has lost its connection.
    func wentOffline() {
        self.terminalsOnline -= 1
        assert(self.terminalsOnline >= 0)
    }

    /// Adds a connection to the list.
    func add(_ connection: TerminalConnection) -> TerminalConnection {
        connection.index = self.connections.count
        self.connections.append(connection)
        return connection
    }

    /// Removes a connection from the list; the last one takes its place.
    func forget(_ connection: TerminalConnection) {
        assert(self.connections[connection.index] === connection)
        guard let last = self.connections.popLast(), last !== connection else { return }
        last.index = connection.index
        self.connections[connection.index] = last
    }

    /// Records the time at which a read begins: its frames are put with this time.
    func startRead() -> NIODeadline {
        self.tickTime = self.eventLoop.now
        return self.tickTime
    }

    // MARK: The end of the tick

    /// Schedules a write to `connection` for the end of the tick.
    @inline(__always)
    func markDirty(_ connection: TerminalConnection) {
        guard !connection.isDirty else { return }
        connection.isDirty = true
        self.dirty.append(connection)
        self.scheduleTickEnd()
    }

    /// Schedules ``endTick()`` after all events that are ready in this tick.
    @inline(__always)
    func scheduleTickEnd() {
        guard !self.isTickScheduled else { return }
        self.isTickScheduled = true
        self.eventLoop.execute { self.endTick() }
    }

    /// Counts `change` more bytes of memory for unfinished frames, or for held-back bytes.
    func countUnfinished(_ change: Int, isHeldBack: Bool) {
        self.unfinishedMemory.count(change, isHeldBack: isHeldBack)
        if self.unfinishedMemory.bytes > self.unfinishedLimit { self.scheduleTickEnd() }
    }

    private func endTick() {
        self.isTickScheduled = false
        self.longReads.spent = 0
        self.boundUnfinished()
        self.flushDirty()
        self.handOverAll()
        self.submit()
    }

    func flushDirty() {
        // A write can fail, and closing the connection can make others dirty: those are flushed in the next round.
        while !self.dirty.isEmpty {
            var round: [TerminalConnection] = []
            swap(&round, &self.spareDirty)
            swap(&round, &self.dirty)
            for connection in round {
                connection.isDirty = false
                guard connection.closeReason == nil else {
                    self.journal(connection, since: .distantFuture)
                    continue
                }
                if !connection.flush() { self.close(connection, .connectionLost) }
                self.awaitAcknowledgement(connection)
            }
            round.removeAll(keepingCapacity: true)
            swap(&round, &self.spareDirty)
        }
    }
}

/// Counters of one shard since the relay started.
struct ShardCounters: Sendable {
    var heartbeats: UInt64 = 0
    /// Data frames accepted from terminals and operators.
    var accepted: UInt64 = 0
    var acceptedBytes: UInt64 = 0
    /// Of those, frames whose checksum did not hold (`marker`).
    var unsound: UInt64 = 0
    /// Frames of unknown commands that were ignored.
    var ignored: UInt64 = 0
    /// Frames whose last byte their destination has acknowledged.
    var delivered: UInt64 = 0
    var deliveredBytes: UInt64 = 0
    /// Frames in flight that were journalled because they were not delivered in time.
    var journaled: UInt64 = 0
    /// Frames that were in flight when their connection ended, and were queued again.
    var requeued: UInt64 = 0
    var connectionsAccepted: UInt64 = 0
    var registrations: UInt64 = 0
    var takeovers: UInt64 = 0
    /// Silent connections that were probed because the relay was full.
    var probes: UInt64 = 0
    /// Times that a terminal began to be fed from disk because it reads too slowly.
    var spills: UInt64 = 0
    /// Times that a sender was held back because the store was behind.
    var pauses: UInt64 = 0
    /// Times that a sender was held back because there was no room for its frames.
    var fullPauses: UInt64 = 0
    /// Bytes that had arrived and were not handled when their connections ended.
    var unreadBytes: UInt64 = 0
    var closed: [UInt64] = Array(repeating: 0, count: CloseReason.allCases.count)
    /// Seconds from putting a frame on its connection until its delivery was known, for each frame.
    var acknowledgedTimes = Histogram(Histogram.latencies)
    /// Seconds that the event loop was late for its timer.
    var timerDelays = Histogram(Histogram.latencies)

    mutating func countClosed(_ reason: CloseReason) {
        if let index = CloseReason.allCases.firstIndex(of: reason) { self.closed[index] += 1 }
    }
}
