import Logging
import NIOCore
import RelayCore
import TTMSProtocol

/// Everything of the relay path that lives on one event loop: its connections, its terminals, and what is on its way to the store
/// and to the other shards.
///
/// `@unchecked Sendable` because its references travel to other threads, which do no more than `execute` on `eventLoop`; all
/// state is confined to that loop.
///
/// A tick is what the event loop does between two waits. What a tick's reads put into connections, into the store's submission
/// and into the batches for other shards leaves at its end, together (``endTick()``): one system call per destination, one
/// submission, one batch per shard, however many frames they hold.
///
/// Files: `Shard+Frames` (the way of a frame), `Shard+Store` (submissions and their answers), `Shard+Connections` (accept,
/// register, takeover, close), `Shard+Move` (to the shard of their terminal), `Shard+Finish` (the peer's last byte), `Shard+Sweep`
/// (acknowledgement and timeouts), `Shard+Receipts` (the heartbeat as receipt), `Shard+Handover` (terminals between shards),
/// `Shard+Stop` (the end), `Shard+Operations` and `Shard+Lists` (what operators ask), `Shard+Blocks` (whom they shut out),
/// `Shard+Full` (senders that wait for room in the store), `Shard+Events` (what is reported to who follows), `Shard+Fights` (takeovers that come too fast), `Shard+Probes` (silent connections while the relay is full), `Shard+Traces` (what
/// becomes of traced frames).
final class Shard: @unchecked Sendable {
    let index: Int
    /// Also the clock for everything that is due some time: its `now`, never `NIODeadline.now()`.
    let eventLoop: any EventLoop
    let sockets: any Sockets
    let options: ServerOptions
    let groupCommit: any GroupCommit
    /// The store's, at hand for every read.
    let full: FullTerminals
    let limiter: ConnectionLimiter
    /// Connections that the acceptor has for this shard.
    let arrivals = Arrivals()
    let clock: RelayClock
    let steadyClock: SteadyClock
    let events: EventLog
    let logger: Logger
    /// All shards by index, this one included. Set once, before the first connection.
    private(set) var shards: [Shard] = []

    /// What gathers for the store, and the store's answers.
    let store = StoreClient()
    /// Frames in flight that are on their way to the store.
    let journals = JournalRegister<TerminalConnection>()
    /// Receipts that wait for frames to be safe.
    let receipts = ReceiptGate()
    /// Senders that are not read from, because of the store.
    let heldSenders = HeldSenders()
    /// Frames that are held until the store has answered for their terminals.
    let heldFrames: HeldFrames
    /// Connections without room for the frames that the store has for them.
    let starved = StarvedConnections()
    /// Connections whose peers have sent their last byte.
    let ending = EndingConnections()
    /// Terminals that were taken over lately.
    let fights = TakeoverFights()
    let chunks = ChunkPool()
    let receiveBuffers = ReceiveBuffers()
    var terminals = TerminalTable()
    var connections: [TerminalConnection] = []
    var counters = ShardCounters()
    /// Terminals here that have a connection.
    var terminalsOnline = 0
    var closedConnections: ClosedConnections
    /// Where the look for late terminals goes on in `connections`.
    var lateSearch = 0
    var reportedHealth = StoreHealth.healthy
    var isStopping = false
    /// Whether connections move to the home shard of their first terminal.
    var movesConnections = false
    /// Which rejected connections are published as events.
    var rejectionPace = RejectionPace()
    /// Which ended connections are logged singly.
    var closureLog = ClosureLog()
    /// Connections that are probed because the relay is full.
    var probing = CircularBuffer<ProbedConnection>(initialCapacity: 0)
    /// Whom operators have shut out.
    var blocks = BlockList()

    /// Memory for frames whose rest the peers have not sent.
    private(set) var unfinishedBytes = 0
    /// Memory for bytes on connections that the relay holds back.
    private(set) var heldBackBytes = 0
    /// The most that both were since memory was returned to the system.
    var unfinishedPeak = 0
    /// When memory was last returned to the system.
    var memoryReturnedAt = NIODeadline.uptimeNanoseconds(0)
    /// Connections with unfinished frames when they were last searched, and when each began to wait for the rest; the oldest is the last.
    var oldestUnfinished: [(TerminalConnection, NIODeadline)] = []

    // What leaves at the end of the tick.
    private var isTickScheduled = false
    private(set) var dirty: [TerminalConnection] = []
    /// The room of the last round of them, empty: a tick takes turns with two, and allocates none.
    private var spareRound: [TerminalConnection] = []
    var peerBatches: [AppendBatch] = []

    /// The time of the latest read, sweep or answer of the store: the time of what is put, without a clock per frame.
    private(set) var tickTime: NIODeadline
    /// Connections whose peers owe acknowledgements.
    var acknowledgements: AcknowledgementQueue
    /// The room of the last sweep, empty: a sweep allocates none.
    var spareDue: [TerminalConnection] = []
    /// Connections whose reads brought more than one turn handles.
    var longReads = LongReads()
    /// Terminals whose connections have ended, and that are detached in the following turns.
    var leaving = LeavingTerminals()
    /// `nil` with one event loop.
    private(set) var liveTerminals: LiveTerminals?
    /// All shards use that of the first.
    private let ownLiveTerminals = LiveTerminals()
    private let ownWaitingBytes = WaitingBytes()
    /// Counts frames that went to other shards, or wait for them.
    var framesElsewhere: UInt64 = 0
    /// Frames handed to other shards, less those that they have handed here.
    var passedOn: Int64 = 0
    /// The number of the ``CommonCut`` that this shard has counted for last.
    var latestCut: UInt64 = 0
    /// What gathers now came after a cut that others have still to count for: it does not go to the store before they have.
    var isWithinCut = false
    /// When the next sweep runs; `.distantFuture` when none is scheduled.
    var sweepDue = NIODeadline.distantFuture
    var sweepTimer: NIOScheduledCallback?

    var injections = PendingInjections()
    var tracedFrames = TracedFrames()
    /// Terminals here whose frames go through the store because they are traced.
    var writtenThrough: Set<CCID> = []
    var handover = Handover()

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
        // Not retained, which would cost every submission: the shard owns the closure.
        self.store.gathered = { [unowned(unsafe) self] in self.scheduleTickEnd() }
    }

    /// Tells the shard of the others. Called once, before it serves.
    func meet(_ shards: [Shard]) {
        self.shards = shards
        self.peerBatches = shards.map { _ in AppendBatch() }
        self.liveTerminals = shards.count > 1 ? shards.first?.ownLiveTerminals : nil
        if let first = shards.first { self.heldFrames.share(first.ownWaitingBytes) }
    }

    /// A read begins: what it puts is of this time.
    func startRead() -> NIODeadline {
        self.tickTime = self.eventLoop.now
        return self.tickTime
    }

    // MARK: The end of the tick

    /// Has `connection` written to at the end of the tick.
    @inline(__always)
    func markDirty(_ connection: TerminalConnection) {
        guard !connection.isDirty else { return }
        connection.isDirty = true
        self.dirty.append(connection)
        self.scheduleTickEnd()
    }

    /// Has ``endTick()`` run after all that is ready in this tick.
    @inline(__always)
    func scheduleTickEnd() {
        guard !self.isTickScheduled else { return }
        self.isTickScheduled = true
        self.eventLoop.execute { self.endTick() }
    }

    /// Unfinished frames take `change` bytes more, or what is held back does.
    func countUnfinished(_ change: Int, isHeldBack: Bool) {
        guard !isHeldBack else {
            self.heldBackBytes += change
            return
        }
        self.unfinishedBytes += change
        if self.unfinishedBytes > self.unfinishedLimit { self.scheduleTickEnd() }
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
        // A write can fail, and closing what failed can make others dirty: those are flushed in the next round.
        while !self.dirty.isEmpty {
            var round: [TerminalConnection] = []
            swap(&round, &self.spareRound)
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
            swap(&round, &self.spareRound)
        }
    }
}

/// What one shard has counted since the relay started.
struct ShardCounters: Sendable {
    var heartbeats: UInt64 = 0
    /// Data frames taken, from terminals and operators.
    var accepted: UInt64 = 0
    var acceptedBytes: UInt64 = 0
    /// Of those, frames whose checksum did not hold (`marker`).
    var unsound: UInt64 = 0
    /// Frames of unknown commands that were ignored.
    var ignored: UInt64 = 0
    /// Frames whose last byte their destination has acknowledged.
    var delivered: UInt64 = 0
    var deliveredBytes: UInt64 = 0
    /// Frames in flight that went to disk because they were not delivered in time.
    var journaled: UInt64 = 0
    /// Frames that were in flight when their connection ended, and go to the next one.
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
    /// Times that a sender was held back because there was no room for what it sent.
    var fullPauses: UInt64 = 0
    /// Bytes that had arrived and were not handled when their connections ended.
    var unreadBytes: UInt64 = 0
    var closed: [UInt64] = Array(repeating: 0, count: CloseReason.allCases.count)
    /// Seconds from putting a frame to its connection until it was known to be delivered, for each frame.
    var acknowledgedTimes = Histogram(Histogram.latencies)
    /// Seconds that the event loop was late for its timer.
    var timerDelays = Histogram(Histogram.latencies)

    mutating func countClosed(_ reason: CloseReason) {
        if let index = CloseReason.allCases.firstIndex(of: reason) { self.closed[index] += 1 }
    }
}
