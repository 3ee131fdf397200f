import Logging
import RelayCore
import Synchronization

/// The store's thread. It takes all work that has gathered since its last commit, carries it out, commits once, and answers all
/// clients.
///
/// The longer a commit takes, the more work gathers for the next: throughput grows with load. No client waits for more than the
/// present commit and the next one.
public final class GroupCommitThread: GroupCommit {
    /// The intervals and limits of the thread's own work.
    public struct Pace: Sendable {
        /// The time between attempts to commit while commits fail.
        public var retry: Duration
        /// The time between sweeps for expired frames.
        public var sweep: Duration
        /// Frames that expire per sweep at most; more follow after the next commit.
        public var sweepLimit: Int
        /// The longest wait of a commit for related work (``together(_:)``). This is many ticks of an event loop, and less than
        /// the default time before frames in flight are journalled.
        public var gathering: Duration
        /// The time for which a turn carries out work before it commits. The rest is carried out in the next turn, so that no
        /// answer waits for much more than earlier work.
        public var turn: Duration

        /// Makes a pace with these values.
        public init(
            retry: Duration = .seconds(1),
            sweep: Duration = .seconds(1),
            sweepLimit: Int = 500,
            gathering: Duration = .milliseconds(5),
            turn: Duration = .milliseconds(10)
        ) {
            self.retry = retry
            self.sweep = sweep
            self.sweepLimit = sweepLimit
            self.gathering = gathering
            self.turn = turn
        }
    }

    /// The terminals whose queue has frames.
    public let kept: KeptTerminals
    /// The terminals whose queue is full.
    public let full: FullTerminals
    /// The terminals whose trace switch is on.
    public let traced: TracedTerminals
    /// Yields once when the store is damaged or missing, so that trying again is useless: the owner of the thread then shuts it
    /// down.
    public let losses: AsyncStream<StoreError>
    private let inbox: StoreInbox
    private let gathering: Duration
    private let report = StoreReport()
    private let thread: StoreThread

    /// Starts the thread. ``shutdown(patience:)`` must be called once.
    ///
    /// - Parameters:
    ///   - store: the store, which belongs to the thread from now on.
    ///   - clock: the wall clock, for times to live.
    ///   - observer: called on the store's thread with the changes of traced messages, once they are durable; must not block.
    /// - Throws: ``StoreError`` when the system has no thread to give.
    public init(
        store: sending any MessageStore,
        logger: Logger,
        pace: Pace = Pace(),
        clock: @escaping @Sendable () -> Timestamp,
        observer: @escaping @Sendable ([MessageTrace]) -> Void = { _ in }
    ) throws(StoreError) {
        let inbox = StoreInbox()
        self.inbox = inbox
        self.gathering = pace.gathering
        self.kept = store.kept
        self.full = store.full
        self.traced = store.traced
        self.report.update { $0.noteTotals(of: store) }
        let (losses, loss) = AsyncStream.makeStream(of: StoreError.self)
        self.losses = losses
        // The worker is handed to its thread here, and used by no other.
        nonisolated(unsafe) let worker = StoreWorker(
            store: store,
            inbox: inbox,
            report: self.report,
            logger: logger,
            pace: pace,
            clock: clock,
            observer: observer,
            onLoss: { loss.yield($0) }
        )
        guard let thread = StoreThread(name: "ttms-store", { worker.run() }) else {
            throw StoreError(.other, "The system has no thread for the store. Raise its limit of processes and threads.")
        }
        self.thread = thread
    }

    /// Posts a submission. After ``shutdown(patience:)`` it is dropped, and its client gets no answer.
    public func submit(_ submission: StoreSubmission) {
        let bytes = submission.appends.cost
        self.report.addPending(bytes)
        if !self.inbox.post(.submission(submission)) { self.report.addPending(-bytes) }
    }

    /// Runs `body`, and commits all work that is submitted until it returns in one commit.
    public func together<Result: Sendable>(_ body: @escaping @Sendable () async -> Result) async -> Result {
        self.inbox.hold(for: self.gathering)
        defer { self.inbox.release() }
        return await body()
    }

    /// Runs `body` on the store thread, and returns its result, and whether its changes are durable.
    public func change<Value: Sendable>(
        _ body: @escaping @Sendable (any MessageStore) throws -> Value
    ) async throws -> StoreChange<Value> {
        try await withCheckedThrowingContinuation { continuation in
            let job = StoreJob { store in
                let result = Swift.Result { try body(store) }
                return { isDurable in continuation.resume(with: result.map { StoreChange($0, isDurable: isDurable) }) }
            }
            if !self.inbox.post(.job(job)) { continuation.resume(throwing: StoreWorker.closed) }
        }
    }

    /// Runs `body` after all work submitted until now has been carried out; with `nil` when the store is closed.
    public func post(_ body: @escaping @Sendable ((any MessageStore)?) -> Void) {
        let job = StoreJob { store in
            body(store)
            return { _ in }
        }
        if !self.inbox.post(.job(job)) { body(nil) }
    }

    /// Whether the store commits, and the reason if not.
    public var health: StoreHealth { self.report.current.health }

    /// The counts and times of the store thread.
    public var statistics: GroupCommitStatistics { self.report.current.statistics }

    /// The cost in bytes of the frames that were submitted and are not durable yet.
    public var pendingBytes: Int { self.report.pendingBytes }

    /// Carries out and commits all submitted work, closes the store, and returns after that.
    ///
    /// - Parameter patience: the time for which it tries again when commits fail.
    /// - Throws: ``StoreError`` when the last commit failed: pending work is lost, and was never answered. The error has the
    ///   number of lost frames.
    public func shutdown(patience: Duration = .zero) async throws(StoreError) {
        self.inbox.finish(patience: patience)
        let failure: StoreError? = await withCheckedContinuation { continuation in
            self.report.whenClosed { continuation.resume(returning: $0) }
        }
        self.thread.join()
        if let failure { throw failure }
    }
}
