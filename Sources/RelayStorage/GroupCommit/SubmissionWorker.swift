import Logging
import RelayCore
import TTMSProtocol

/// Carries out submissions on the store thread, one at a time, each over as many turns as it needs.
///
/// A submission that is not finished at the end of a turn's time continues in the next turn, before other work. The commit
/// between them makes its first frames durable. Its answer is sent after the commit that follows its last step, so all of it is
/// durable then.
final class SubmissionWorker {
    /// A submission and its progress.
    private struct Work {
        let submission: StoreSubmission
        var completion: StoreAnswers.Completion
        var removals: ArraySlice<StoreSubmission.Removal>
        var confirmations: ArraySlice<MessageID>
        var rewinds: ArraySlice<CCID>
        var reads: ArraySlice<StoreSubmission.ReadRequest>
        var appended = 0
        /// The position in the batch after the frames that were appended.
        var offset = 0

        init(_ submission: StoreSubmission) {
            self.submission = submission
            self.completion = StoreAnswers.Completion(submission)
            self.removals = submission.removals[...]
            self.confirmations = submission.confirmations[...]
            self.rewinds = submission.rewinds[...]
            self.reads = submission.reads[...]
        }

        var isDone: Bool {
            self.reads.isEmpty && self.appended == self.submission.appends.count && self.rewinds.isEmpty
                && self.confirmations.isEmpty && self.removals.isEmpty
        }
    }

    /// Confirmations between two readings of the clock; each reads a trace.
    private static let confirmationsPerStep = 32

    private let store: any MessageStore
    private let report: StoreReport
    private let logger: Logger
    private let clock: @Sendable () -> Timestamp
    /// The unfinished submission.
    private var current: Work?
    /// Limits the log of failures: there can be one per frame.
    private var logLimit = LogLimit<Failure>()

    /// A failed step, and the kind of failure.
    private struct Failure: Hashable {
        var step: Step
        var code: StoreError.Code

        enum Step { case remove, confirm, append, remember }
    }

    init(store: any MessageStore, report: StoreReport, logger: Logger, clock: @escaping @Sendable () -> Timestamp) {
        self.store = store
        self.report = report
        self.logger = logger
        self.clock = clock
    }

    /// Whether a submission is not finished.
    var isBusy: Bool { self.current != nil }

    /// Begins a submission; none may be unfinished.
    func begin(_ submission: StoreSubmission) {
        assert(self.current == nil, "A submission begins before the one before it is finished.")
        self.current = Work(submission)
    }

    /// Carries out the submission as far as the time allows, but at least one step of it.
    ///
    /// - Parameter isFailing: whether commits fail, so that durable frames are read apart from others.
    /// - Returns: its completion once it is finished.
    func resume(_ time: inout TurnTime, isFailing: Bool) -> StoreAnswers.Completion? {
        guard var work = self.current else { return nil }
        self.current = nil
        self.store.now = self.clock()
        self.store.readsStagedApart = isFailing
        self.carryOut(&work, &time)
        guard work.isDone else {
            self.current = work
            return nil
        }
        return work.completion
    }

    /// Returns when the work is done, or when the time is over.
    private func carryOut(_ work: inout Work, _ time: inout TurnTime) {
        while let removal = work.removals.popFirst() {
            self.remove(removal)
            if time.isOverAfterStep() { return }
        }
        while !work.confirmations.isEmpty {
            self.confirm(&work.confirmations)
            if time.isOver { return }
        }
        while let ccid = work.rewinds.popFirst() {
            self.store.rewind(ccid)
            if time.isOverAfterStep() { return }
        }
        // After the rewinds: frames appended as in flight belong to the next connection.
        while let (entry, frame) = work.submission.appends.next(&work.offset) {
            let evicted = self.store.totals.evicted
            let isCheap = self.append(frame, entry, of: &work) && self.store.totals.evicted == evicted
            work.appended += 1
            if isCheap ? time.isOverAfterStep() : time.isOver { return }
        }
        // Before the commit: the answers wait for it in any case, and the rewinds of a later submission must include these
        // reads.
        while let request = work.reads.popFirst() {
            self.read(request, of: &work)
            if time.isOver { return }
        }
    }

    // MARK: Steps

    private func remove(_ removal: StoreSubmission.Removal) {
        do throws(StoreError) {
            try self.store.remove(of: removal.ccid, through: removal.through)
        } catch {
            // The frames stay in flight, and are requeued when the connection ends: a duplicate, not a loss.
            self.report(.remove, error, "Delivered frames could not be removed.", ["ccid": "\(removal.ccid)"])
        }
    }

    private func confirm(_ ids: inout ArraySlice<MessageID>) {
        do throws(StoreError) {
            try self.store.confirm(Array(ids.prefix(Self.confirmationsPerStep)))
            ids = ids.dropFirst(Self.confirmationsPerStep)
        } catch {
            // The messages stay acknowledged in their traces.
            self.report(.confirm, error, "Delivered messages could not be recorded as confirmed.")
            ids = []
        }
    }

    /// - Returns: whether nothing was read from disk.
    private func append(_ frame: UnsafeRawBufferPointer, _ entry: AppendBatch.Entry, of work: inout Work) -> Bool {
        let key = work.submission.keys.isEmpty ? nil : work.submission.keys[entry.token]
        let untraced = entry.isTraced ? self.store.traceTotals.untraced : 0
        let outcome = self.append(frame, entry, acceptedAt: work.submission.acceptance(of: entry), key: key)
        if entry.token != 0 {
            var receipt = StoreCompletion.Receipt(ccid: entry.ccid, token: entry.token, outcome: outcome)
            if entry.isTraced { receipt.isTraced = self.store.traceTotals.untraced == untraced }
            work.completion.content.receipts.append(receipt)
        }
        guard key == nil, case .queued = outcome else { return false }
        return true
    }

    private func append(
        _ frame: UnsafeRawBufferPointer,
        _ entry: AppendBatch.Entry,
        acceptedAt: Timestamp,
        key: IdempotencyKey?
    ) -> AppendOutcome {
        let outcome: AppendOutcome
        do throws(StoreError) {
            // If keys cannot be read, this one cannot be stored, and the frame must not be stored without its key.
            if let key { _ = try self.store.use(of: key) }
            if let cap = try self.store.refusal(of: entry, size: frame.count) {
                self.store.countRefused()
                return .rejected(cap)
            }
            outcome = try self.store.append(
                frame,
                to: entry.ccid,
                acceptedAt: acceptedAt,
                timeToLive: entry.timeToLive,
                isInFlight: entry.isInFlight,
                isTraced: entry.isTraced
            )
        } catch {
            self.report(.append, error, "A frame could not be stored.", ["ccid": "\(entry.ccid)"])
            // A frame that was written to its terminal stays in flight there.
            if !entry.isInFlight { self.store.countRefused() }
            return .rejected(.eviction)
        }
        if let key, case .queued(let id) = outcome { self.remember(UsedKey(key, id: id, usedAt: self.store.now)) }
        return outcome
    }

    /// Stores the use of a key. The frame is stored already, so a failure is only logged: a repeated request with the key may
    /// send the frame twice.
    private func remember(_ use: UsedKey) {
        do throws(StoreError) {
            try self.store.remember(use)
        } catch {
            self.report(
                .remember,
                error,
                "The key of a message could not be stored; a repeated request with it may send the message twice.",
                ["message": "\(use.id)"]
            )
        }
    }

    /// Logs a failure, at most once a minute for each step and kind.
    private func report(
        _ step: Failure.Step,
        _ error: StoreError,
        _ message: Logger.Message,
        _ metadata: Logger.Metadata = [:]
    ) {
        guard let heldBack = self.logLimit.admit(Failure(step: step, code: error.code), at: .now) else { return }
        var metadata = metadata
        metadata["error"] = "\(error)"
        metadata["held_back"] = "\(heldBack)"
        self.logger.error(message, metadata: metadata)
    }

    private func read(_ request: StoreSubmission.ReadRequest, of work: inout Work) {
        let result = self.read(request)
        let run = StoreCompletion.Run(ccid: request.ccid, token: request.token, result: result)
        if self.mayHoldStaged(result, of: request.ccid) {
            work.completion.content.runs.append(run)
        } else {
            work.completion.durableRuns.append(run)
        }
    }

    private func mayHoldStaged(_ result: Result<StoredRun, StoreError>, of ccid: CCID) -> Bool {
        guard case .success(let run) = result, let last = run.marks.last else { return self.store.hasStagedFrames(for: ccid) }
        return self.store.isStaged(last.id)
    }

    private func read(_ request: StoreSubmission.ReadRequest) -> Result<StoredRun, StoreError> {
        let now = self.clock()
        let begin = ContinuousClock.now
        let result = Result { () throws(StoreError) in
            try self.store.readNext(of: request.ccid, maximumBytes: request.maximumBytes, now: now)
        }
        let duration = ContinuousClock.now - begin
        self.report.update { content in
            content.statistics.readTimes.record(duration / .seconds(1))
            if case .success(let run) = result, let oldest = run.oldestAcceptedAt {
                content.statistics.waitingTimes.record(now.seconds(since: oldest))
            }
        }
        return result
    }
}
