import NIOCore
import TTMSProtocol

/// The way from event loops to the store thread: submissions gather while the store syncs, and one commit serves them all.
public protocol GroupCommit: Sendable {
    /// Hands over what a shard has for the store. Never blocks for the disk.
    ///
    /// Submissions of one client are carried out in the order of their numbers. Within one: removals, confirmations, rewinds,
    /// appends, reads, commit. The client hears of it through ``GroupCommitClient/commitCompleted(_:)``, after the commit; while
    /// commits fail, it hears of reads whose frames, if any, are all durable before that, through
    /// ``GroupCommitClient/readsCompleted(_:)``.
    func submit(_ submission: StoreSubmission)

    /// Runs `body`, and commits together what is submitted until it returns, by whichever clients: for what has to come from several
    /// of them. A body that takes longer than some milliseconds is not waited for.
    func together<Result: Sendable>(_ body: @escaping @Sendable () async -> Result) async -> Result

    /// Runs `body` on the store thread between two commits, and gives back what it returned after the next attempt to commit, so
    /// that, unless that fails, what others had staged is durable by then.
    ///
    /// What `body` stages stays staged when the commit fails, and is committed when the disk recovers: a failed commit is no error
    /// here, since it does not undo anything. Who answers for a change says which it was (``StoreChange/isDurable``).
    ///
    /// - Throws: what `body` throws, which then has staged nothing; ``StoreError`` when the store is closed.
    func change<Value: Sendable>(
        _ body: @escaping @Sendable (any MessageStore) throws -> Value
    ) async throws -> StoreChange<Value>

    /// Runs `body` on the store thread when everything submitted until now has been carried out, committed or not; it only looks.
    /// With `nil`, and anywhere, when the store is closed.
    func post(_ body: @escaping @Sendable ((any MessageStore)?) -> Void)

    /// The terminals for which the store keeps frames, as of the last submission that was carried out.
    var kept: KeptTerminals { get }

    /// The terminals that have no room for more, as of the last submission that was carried out.
    var full: FullTerminals { get }

    /// The terminals whose trace switch is on, as of the last work that was carried out.
    var traced: TracedTerminals { get }

    /// Whether the store takes frames, and if not, why.
    var health: StoreHealth { get }

    /// What the store thread has done so far.
    var statistics: GroupCommitStatistics { get }

    /// What frames take in memory (``AppendBatch/cost``) that were submitted and are not durable yet; cheap enough for every event loop tick.
    var pendingBytes: Int { get }
}

/// What came of a change of the store. It has been carried out, for all who look from now on.
public struct StoreChange<Value: Sendable>: Sendable {
    /// What the change returned.
    public var value: Value
    /// Whether it is on disk. Otherwise commits fail; it is written by the first that succeeds, and undone if the relay ends before.
    public var isDurable: Bool

    /// Makes a change.
    public init(_ value: Value, isDurable: Bool = true) {
        self.value = value
        self.isDurable = isDurable
    }
}

extension StoreChange: Equatable where Value: Equatable {}

extension GroupCommit {
    /// Runs `body`, which only looks, as ``change(_:)`` does.
    ///
    /// - Throws: what `body` throws; ``StoreError`` when the store is closed.
    public func perform<Value: Sendable>(
        _ body: @escaping @Sendable (any MessageStore) throws -> Value
    ) async throws -> Value {
        try await self.change(body).value
    }

    /// Just runs `body`, for implementations that decide by themselves when they commit.
    public func together<Result: Sendable>(_ body: @escaping @Sendable () async -> Result) async -> Result {
        await body()
    }

    /// The same number out of the statistics, for implementations that have no cheaper way.
    public var pendingBytes: Int { self.statistics.pendingBytes }
}

/// Who is told when a submission has been carried out.
public protocol GroupCommitClient: AnyObject, Sendable {
    /// Called on the store thread, once per submission, in order; must not block.
    func commitCompleted(_ completion: StoreCompletion)

    /// Called on the store thread with answers that the completions still to come will not repeat; must not block.
    ///
    /// A disk that fails can hold up what has to be written. It should not hold up a terminal for which nothing has to be.
    func readsCompleted(_ runs: [StoreCompletion.Run])
}

/// What one shard has for the store, gathered over one event loop tick.
public struct StoreSubmission: Sendable {
    /// Rises by one with each submission of the client.
    public var number: UInt64
    /// Who is told.
    public var client: any GroupCommitClient
    /// When the frames to append were handed over, and so, but for those that say otherwise, when the relay read them.
    public var acceptedAt: Timestamp
    /// The same moment on the clock that ``AppendBatch/Entry/takenAt`` goes by.
    public var submittedAt = NIODeadline.distantPast
    /// Frames to keep.
    public var appends: AppendBatch
    /// Frames in flight that are delivered.
    public var removals: [Removal]
    /// Terminals whose connection ended.
    public var rewinds: [CCID]
    /// Terminals that want their next frames.
    public var reads: [ReadRequest]
    /// Delivered messages after which a heartbeat came on the same connection.
    public var confirmations: [MessageID] = []
    /// The keys under which clients sent some of the frames, by the frames' tokens; durable together with these.
    public var keys: [UInt32: IdempotencyKey] = [:]

    /// Whether carrying it out stages changes, so that its answer waits for a commit.
    public var needsCommit: Bool { !self.appends.isEmpty || !self.removals.isEmpty || !self.confirmations.isEmpty }

    /// When the relay read a frame of ``appends``.
    public func acceptance(of entry: AppendBatch.Entry) -> Timestamp {
        guard let takenAt = entry.takenAt, takenAt < self.submittedAt else { return self.acceptedAt }
        let age = (self.submittedAt - takenAt).nanoseconds / 1_000
        return Timestamp(microseconds: self.acceptedAt.microseconds &- age)
    }

    /// Ends all frames in flight of a terminal up to and including one.
    public struct Removal: Equatable, Sendable {
        /// The terminal.
        public var ccid: CCID
        /// The last delivered frame.
        public var through: MessageID

        /// Makes a removal.
        public init(ccid: CCID, through: MessageID) {
            self.ccid = ccid
            self.through = through
        }
    }

    /// Asks for the next queued frames of a terminal.
    public struct ReadRequest: Equatable, Sendable {
        /// The terminal.
        public var ccid: CCID
        /// Comes back with the run.
        public var token: UInt64
        /// Frame bytes at the most; at least one frame comes when there is one.
        public var maximumBytes: Int

        /// Makes a request.
        public init(ccid: CCID, token: UInt64, maximumBytes: Int) {
            self.ccid = ccid
            self.token = token
            self.maximumBytes = maximumBytes
        }
    }

    /// Makes a submission.
    public init(
        number: UInt64,
        client: any GroupCommitClient,
        acceptedAt: Timestamp,
        appends: AppendBatch = AppendBatch(),
        removals: [Removal] = [],
        rewinds: [CCID] = [],
        reads: [ReadRequest] = []
    ) {
        self.number = number
        self.client = client
        self.acceptedAt = acceptedAt
        self.appends = appends
        self.removals = removals
        self.rewinds = rewinds
        self.reads = reads
    }
}

/// What came of a submission: everything in it is durable.
public struct StoreCompletion: Sendable {
    /// The submission's number.
    public var number: UInt64
    /// What the reads returned, but for what ``GroupCommitClient/readsCompleted(_:)`` has told.
    public var runs: [Run]
    /// What became of the appended frames that asked for it, in their order.
    public var receipts: [Receipt]

    /// The answer to one ``StoreSubmission/ReadRequest``.
    public struct Run: Sendable {
        /// The terminal.
        public var ccid: CCID
        /// The request's token.
        public var token: UInt64
        /// The frames; a failed read is an error here, and the terminal's frames stay queued.
        public var result: Result<StoredRun, StoreError>

        /// Makes an answer.
        public init(ccid: CCID, token: UInt64, result: Result<StoredRun, StoreError>) {
            self.ccid = ccid
            self.token = token
            self.result = result
        }
    }

    /// What became of an appended frame.
    public struct Receipt: Equatable, Sendable {
        /// The destination.
        public var ccid: CCID
        /// The token given with the frame.
        public var token: UInt32
        /// Its id, or the cap that it ran into.
        public var outcome: AppendOutcome
        /// Whether it is traced, if it was to be: there may be no room for it.
        public var isTraced = true

        /// Makes a receipt.
        public init(ccid: CCID, token: UInt32, outcome: AppendOutcome) {
            self.ccid = ccid
            self.token = token
            self.outcome = outcome
        }
    }

    /// Makes a completion.
    public init(number: UInt64, runs: [Run] = [], receipts: [Receipt] = []) {
        self.number = number
        self.runs = runs
        self.receipts = receipts
    }
}

/// Whether the store takes frames.
public enum StoreHealth: Equatable, Sendable {
    /// Commits succeed.
    case healthy
    /// Commits fail and are tried again; what was submitted is kept in memory until one succeeds.
    case failing(StoreError)
    /// The store is closed.
    case closed
}

/// What the store thread has done since it started.
public struct GroupCommitStatistics: Equatable, Sendable {
    /// Totals of the store as of the last commit.
    public var totals = StoreTotals()
    /// What the store remembers of messages, as of the last commit.
    public var traceTotals = TraceTotals()
    /// Commits that succeeded.
    public var commits: UInt64 { self.commitTimes.count }
    /// Commits that failed; each is tried again.
    public var failures: UInt64 = 0
    /// Seconds that commits took which succeeded, their fsync included.
    public var commitTimes = Histogram(Histogram.latencies)
    /// Seconds that the store's thread worked between two commits: who asks for something then waits for so long.
    public var turnTimes = Histogram(Histogram.latencies)
    /// Seconds that reads of queued frames took.
    public var readTimes = Histogram(Histogram.latencies)
    /// Seconds from the relay's giving a frame to the store until it was durable, for each frame.
    public var durableTimes = Histogram(Histogram.latencies)
    /// Seconds from taking a frame until it was read for its terminal, for the oldest frame of each read.
    public var waitingTimes = Histogram(Histogram.absences)
    /// Bytes of frames that were submitted and are not durable yet.
    public var pendingBytes: Int = 0

    /// Statistics of a store thread that has done nothing yet.
    public init() {}
}
