import NIOCore
import TTMSProtocol

/// Interface of event loops to the store's thread. Submissions gather while the store syncs, and one commit serves all of them.
public protocol GroupCommit: Sendable {
    /// Hands over a shard's submission. Never blocks for the disk.
    ///
    /// Submissions of one client are carried out in the order of their numbers. Within one, the order is: removals, confirmations,
    /// rewinds, appends, reads, commit.
    ///
    /// After the commit, the client gets ``GroupCommitClient/commitCompleted(_:)``. While commits fail, it gets answers to reads
    /// whose frames are all durable earlier, by ``GroupCommitClient/readsCompleted(_:)``.
    func submit(_ submission: StoreSubmission)

    /// Runs `body`, and carries out in one commit what all clients submit until it returns. A body that takes longer than some
    /// milliseconds is not awaited.
    func together<Result: Sendable>(_ body: @escaping @Sendable () async -> Result) async -> Result

    /// Runs `body` on the store's thread between two commits, and returns its result after the next attempt to commit. Unless that
    /// fails, everything staged before is durable then.
    ///
    /// A failed commit is not an error here: what `body` has staged stays staged, and is committed when the disk recovers. The
    /// caller reports which it was (``StoreChange/isDurable``).
    ///
    /// - Throws: the error of `body`, which then must have staged nothing; ``StoreError`` when the store is closed.
    func change<Value: Sendable>(
        _ body: @escaping @Sendable (any MessageStore) throws -> Value
    ) async throws -> StoreChange<Value>

    /// Runs `body`, which changes nothing, on the store's thread after all earlier submissions were carried out, committed or not.
    /// On a closed store `body` gets `nil`, on any thread.
    func post(_ body: @escaping @Sendable ((any MessageStore)?) -> Void)

    /// Terminals with stored frames, as of the last submission that was carried out.
    var kept: KeptTerminals { get }

    /// Terminals without room, as of the last submission that was carried out.
    var full: FullTerminals { get }

    /// Terminals whose trace switch is on, as of the last work that was carried out.
    var traced: TracedTerminals { get }

    /// Whether the store accepts frames, or the reason against it.
    var health: StoreHealth { get }

    /// Counters of the store's thread.
    var statistics: GroupCommitStatistics { get }

    /// Memory in bytes (``AppendBatch/cost``) of submitted frames that are not durable yet. Cheap enough for every tick.
    var pendingBytes: Int { get }
}

/// Result of a change of the store. Later reads see the change.
public struct StoreChange<Value: Sendable>: Sendable {
    /// Value that the change returned.
    public var value: Value
    /// Whether the change is on disk. `false` while commits fail: the next successful one writes it, and it is lost if the relay
    /// ends before.
    public var isDurable: Bool

    /// Makes a result.
    public init(_ value: Value, isDurable: Bool = true) {
        self.value = value
        self.isDurable = isDurable
    }
}

extension StoreChange: Equatable where Value: Equatable {}

extension GroupCommit {
    /// Runs `body`, which changes nothing, like ``change(_:)``.
    ///
    /// - Throws: the error of `body`; ``StoreError`` when the store is closed.
    public func perform<Value: Sendable>(
        _ body: @escaping @Sendable (any MessageStore) throws -> Value
    ) async throws -> Value {
        try await self.change(body).value
    }

    /// Runs `body`. Default for implementations that commit at times of their own.
    public func together<Result: Sendable>(_ body: @escaping @Sendable () async -> Result) async -> Result {
        await body()
    }

    /// Value from the statistics. Default for implementations without a cheaper one.
    public var pendingBytes: Int { self.statistics.pendingBytes }
}

/// Receiver of the results of submissions.
public protocol GroupCommitClient: AnyObject, Sendable {
    /// Receives the result of a submission, on the store's thread, once per submission and in order. Must not block.
    func commitCompleted(_ completion: StoreCompletion)

    /// Receives answers that later completions do not repeat, on the store's thread. Must not block.
    ///
    /// While commits fail, a terminal whose frames are all durable gets its answers in this way.
    func readsCompleted(_ runs: [StoreCompletion.Run])
}

/// All that one shard has for the store, gathered during one tick.
public struct StoreSubmission: Sendable {
    /// Number of the submission; rises by one with each submission of the client.
    public var number: UInt64
    /// Receiver of the result.
    public var client: any GroupCommitClient
    /// Time at which the appended frames were handed over. Also the time at which they were read, except for entries with a time of
    /// their own.
    public var acceptedAt: Timestamp
    /// The same moment on the clock of ``AppendBatch/Entry/takenAt``.
    public var submittedAt = NIODeadline.distantPast
    /// Frames to append.
    public var appends: AppendBatch
    /// Frames in flight that are delivered.
    public var removals: [Removal]
    /// Terminals whose connection ended.
    public var rewinds: [CCID]
    /// Requests for the next queued frames.
    public var reads: [ReadRequest]
    /// Delivered messages after which a heartbeat arrived on the same connection.
    public var confirmations: [MessageID] = []
    /// Idempotency keys of frames, by the frames' tokens; durable together with the frames.
    public var keys: [UInt32: IdempotencyKey] = [:]

    /// Whether carrying it out stages changes, so that its answer has to wait for a commit.
    public var needsCommit: Bool { !self.appends.isEmpty || !self.removals.isEmpty || !self.confirmations.isEmpty }

    /// Returns the time at which the relay read a frame of ``appends``.
    public func acceptance(of entry: AppendBatch.Entry) -> Timestamp {
        guard let takenAt = entry.takenAt, takenAt < self.submittedAt else { return self.acceptedAt }
        let age = (self.submittedAt - takenAt).nanoseconds / 1_000
        assert(age >= 0)
        return Timestamp(microseconds: self.acceptedAt.microseconds &- age)
    }

    /// Delivery of all frames in flight of a terminal up to and including one.
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

    /// Request for the next queued frames of a terminal.
    public struct ReadRequest: Equatable, Sendable {
        /// The terminal.
        public var ccid: CCID
        /// Token that the answer bears.
        public var token: UInt64
        /// Largest number of frame bytes. At least one frame is returned when there is one.
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

/// Result of a submission: everything in it is durable.
public struct StoreCompletion: Sendable {
    /// The submission's number.
    public var number: UInt64
    /// Answers to the reads, without those that ``GroupCommitClient/readsCompleted(_:)`` has delivered.
    public var runs: [Run]
    /// Receipts of the appended frames that have a token, in their order.
    public var receipts: [Receipt]

    /// The answer to one ``StoreSubmission/ReadRequest``.
    public struct Run: Sendable {
        /// The terminal.
        public var ccid: CCID
        /// Token of the request.
        public var token: UInt64
        /// Frames that were read, or the error of a failed read. After an error the frames stay queued.
        public var result: Result<StoredRun, StoreError>

        /// Makes an answer.
        public init(ccid: CCID, token: UInt64, result: Result<StoredRun, StoreError>) {
            self.ccid = ccid
            self.token = token
            self.result = result
        }
    }

    /// Result of one append.
    public struct Receipt: Equatable, Sendable {
        /// The destination.
        public var ccid: CCID
        /// Token of the frame's entry.
        public var token: UInt32
        /// Id of the frame, or the cap that rejected it.
        public var outcome: AppendOutcome
        /// Whether the frame is traced, if it was to be: there may be no room for a trace.
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

/// Whether the store accepts frames.
public enum StoreHealth: Equatable, Sendable {
    /// Commits succeed.
    case healthy
    /// Commits fail and are tried again; everything submitted stays in memory until one succeeds.
    case failing(StoreError)
    /// The store is closed.
    case closed
}

/// Counters of the store's thread since it started.
public struct GroupCommitStatistics: Equatable, Sendable {
    /// Totals of the store as of the last commit.
    public var totals = StoreTotals()
    /// Totals of the traces and keys, as of the last commit.
    public var traceTotals = TraceTotals()
    /// Commits that succeeded.
    public var commits: UInt64 { self.commitTimes.count }
    /// Commits that failed; each is tried again.
    public var failures: UInt64 = 0
    /// Duration of successful commits in seconds, with their fsync.
    public var commitTimes = Histogram(Histogram.latencies)
    /// Duration of the store's turns in seconds: a new request waits at most one turn before it is carried out.
    public var turnTimes = Histogram(Histogram.latencies)
    /// Duration of reads of queued frames in seconds.
    public var readTimes = Histogram(Histogram.latencies)
    /// Time in seconds from the submission of a frame until it is durable, for each frame.
    public var durableTimes = Histogram(Histogram.latencies)
    /// Time in seconds from the acceptance of a frame until it is read for its terminal, for the oldest frame of each read.
    public var waitingTimes = Histogram(Histogram.absences)
    /// Memory in bytes (``AppendBatch/cost``) of submitted frames that are not durable yet.
    public var pendingBytes: Int = 0

    /// Makes the counters of a thread that has done nothing yet.
    public init() {}
}
