import Logging
import RelayCore
import Synchronization

/// The store's thread: it takes what has gathered since its last commit, carries it out, commits once, and answers everybody.
///
/// The longer a commit takes, the more gathers for the next: throughput grows with load, and no one waits longer than for the
/// commit under way and the one after it.
public final class GroupCommitThread: GroupCommit {
    /// How often the thread does what nobody asks it for.
    public struct Pace: Sendable {
        /// Between attempts to commit while commits fail.
        public var retry: Duration
        /// Between looks for expired frames.
        public var sweep: Duration
        /// Frames that expire per look; more follow after the next commit.
        public var sweepLimit: Int
        /// How long a commit waits for the rest of what belongs together: many turns of an event loop, and less than frames in flight
        /// are given by default before they go to disk.
        public var gathering: Duration
        /// How long a turn carries out work before it commits. The rest is carried out in the next turn, so that no answer waits for
        /// much more than what came before it.
        public var turn: Duration

        /// Makes a pace.
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

    /// The terminals for which the store keeps frames.
    public let kept: KeptTerminals
    /// The terminals that have no room for more.
    public let full: FullTerminals
    /// The terminals whose trace switch is on.
    public let traced: TracedTerminals
    /// Yields once when the store is damaged, or gone, so that trying again does not help: whoever runs the thread then shuts it down.
    public let losses: AsyncStream<StoreError>
    private let inbox: StoreInbox
    private let gathering: Duration
    private let report = StoreReport()
    private let thread: StoreThread

    /// Starts the thread. ``shutdown(patience:)`` has to be called once.
    ///
    /// - Parameters:
    ///   - store: handed over to the thread; nobody else may keep it.
    ///   - clock: the wall clock, for times to live.
    ///   - observer: hears on the store's thread what became of traced messages, once that is durable; must not block.
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
        // The worker is handed to its thread here and touched by no other.
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

    /// Hands over what a shard has for the store. What comes after ``shutdown(patience:)`` is dropped, and its client hears nothing.
    public func submit(_ submission: StoreSubmission) {
        let bytes = submission.appends.cost
        self.report.addPending(bytes)
        if !self.inbox.post(.submission(submission)) { self.report.addPending(-bytes) }
    }

    /// Runs `body`, and commits together what is submitted until it returns.
    public func together<Result: Sendable>(_ body: @escaping @Sendable () async -> Result) async -> Result {
        self.inbox.hold(for: self.gathering)
        defer { self.inbox.release() }
        return await body()
    }

    /// Runs `body` on the store thread, and gives back what it returned, and whether what it staged is durable.
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

    /// Runs `body` when everything submitted until now has been carried out; with `nil` when the store is closed.
    public func post(_ body: @escaping @Sendable ((any MessageStore)?) -> Void) {
        let job = StoreJob { store in
            body(store)
            return { _ in }
        }
        if !self.inbox.post(.job(job)) { body(nil) }
    }

    /// Whether the store takes frames, and if not, why.
    public var health: StoreHealth { self.report.current.health }

    /// What the store thread has done so far.
    public var statistics: GroupCommitStatistics { self.report.current.statistics }

    /// What frames take that were submitted and are not durable yet, in bytes.
    public var pendingBytes: Int { self.report.pendingBytes }

    /// Carries out what was submitted, commits it, closes the store, and returns when all that is done.
    ///
    /// - Parameter patience: how long it goes on trying when commits fail.
    /// - Throws: ``StoreError`` when the last commit failed: what was pending is lost, and was never answered. It says how many
    ///   frames those are.
    public func shutdown(patience: Duration = .zero) async throws(StoreError) {
        self.inbox.finish(patience: patience)
        let failure: StoreError? = await withCheckedContinuation { continuation in
            self.report.whenClosed { continuation.resume(returning: $0) }
        }
        self.thread.join()
        if let failure { throw failure }
    }
}
