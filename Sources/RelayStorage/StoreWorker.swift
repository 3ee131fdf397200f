import DequeModule
import Logging
import RelayCore
import TTMSProtocol

/// What the store thread does. It belongs to that thread alone, and so does the store.
///
/// A turn: carry out all that has come, in order; commit once; answer. The reads of a submission come right after its changes and
/// before the commit: their answers wait for it anyway, and a later submission's rewind must find them done. While commits fail,
/// only reads that may bring frames which are not durable have to wait (`journal_after: 0` promises that of every frame).
final class StoreWorker {
    /// An answer that is due when everything before it is durable.
    private enum Answer {
        case completion(Completion)
        case job(finish: (Bool) -> Void, needsCommit: Bool, needsRoom: Bool)
    }

    /// What came of a submission.
    private struct Completion {
        var content: StoreCompletion
        /// Reads of nothing but durable frames. They go with the content, or before it when that has to wait.
        var durableRuns: [StoreCompletion.Run] = []
        let client: any GroupCommitClient
        let needsCommit: Bool
        let acceptedAt: Timestamp
        let frames: Int
        let frameBytes: Int
    }

    /// What is to be carried out: what has come, or the rest of a submission's reads.
    private enum Item {
        case work(StoreInbox.Work)
        case reads(Completion, ArraySlice<StoreSubmission.ReadRequest>)
    }

    /// How long a turn carries out work before it commits. What is left has the next turn, so that nobody's answer waits for much
    /// more than what came before it.
    private static let turn = Duration.milliseconds(10)
    /// How long a turn looks after what nobody has asked for, beside that.
    private static let sweepTurn = Duration.milliseconds(5)

    private var items: Deque<Item> = []
    let store: any MessageStore
    private let inbox: StoreInbox
    private let report: StoreReport
    let logger: Logger
    private let pace: GroupCommitThread.Pace
    private let clock: @Sendable () -> Timestamp
    private let observer: @Sendable ([MessageTrace]) -> Void
    private let onLoss: @Sendable (StoreError) -> Void

    private var answers: [Answer] = []
    /// Why the last commit failed; `nil` when it succeeded.
    private var failure: StoreError?
    /// How often in a row the store has failed in a way that trying again cannot mend.
    private var lastingFailures = 0
    private var nextAttempt = ContinuousClock.now
    /// Not before this is tried again to commit what ends frames, on a full disk.
    private var nextEnds = ContinuousClock.now
    private var nextSweep = ContinuousClock.now
    private var nextCheck = ContinuousClock.now
    private var sweepFailure: StoreError?

    static let closed = StoreError(.other, "The store is closed: the relay is stopping.")

    init(
        store: any MessageStore,
        inbox: StoreInbox,
        report: StoreReport,
        logger: Logger,
        pace: GroupCommitThread.Pace,
        clock: @escaping @Sendable () -> Timestamp,
        observer: @escaping @Sendable ([MessageTrace]) -> Void,
        onLoss: @escaping @Sendable (StoreError) -> Void
    ) {
        self.store = store
        self.inbox = inbox
        self.report = report
        self.logger = logger
        self.pace = pace
        self.clock = clock
        self.observer = observer
        self.onLoss = onLoss
        store.now = clock()
    }

    /// Runs until the inbox is closed and empty.
    func run() {
        while true {
            let due = self.failure == nil ? self.nextSweep : self.store.staged > 0 ? self.nextAttempt : self.nextCheck
            let timeout = self.items.isEmpty ? min(due, self.nextCheck) - ContinuousClock.now : .zero
            let delivery = self.inbox.wait(timeout: timeout)
            let begin = ContinuousClock.now
            self.items.append(contentsOf: delivery.work.lazy.map { .work($0) })
            self.carryOut(until: delivery.patience == nil ? begin + Self.turn : nil)
            if let patience = delivery.patience { return self.finish(until: .now + patience) }
            self.sweep()
            self.check()
            let duration = ContinuousClock.now - begin
            self.report.update { $0.statistics.turnTimes.record(duration / .seconds(1)) }
            self.answer(isDurable: self.commit())
        }
    }

    /// Carries out what there is, as far as the time reaches.
    private func carryOut(until deadline: ContinuousClock.Instant?) {
        while let item = self.items.popFirst() {
            switch item {
            case .work(let work): self.carryOut(work, until: deadline)
            case .reads(let completion, let reads): self.read(reads, completion, until: deadline)
            }
            if let deadline, ContinuousClock.now >= deadline { return }
        }
    }

    private func finish(until deadline: ContinuousClock.Instant) {
        self.commitLast(until: deadline)
        var failure: StoreError?
        do throws(StoreError) {
            // It commits once more: a checkpoint, or what has failed until now.
            try self.store.close()
            self.answer(isDurable: true)
        } catch {
            let lost = self.store.stagedFrames
            failure = Self.lost(lost, because: error)
            self.logger.error(
                "The store could not commit before it was closed.",
                metadata: ["error": "\(error)", "lost_frames": "\(lost)"]
            )
        }
        self.report.update { $0.noteTotals(of: self.store) }
        self.report.close(failure)
    }

    /// Commits what is left, and tries again until `deadline` while that fails.
    private func commitLast(until deadline: ContinuousClock.Instant) {
        var isAnnounced = false
        while true {
            self.nextAttempt = ContinuousClock.now
            let isDurable = self.commit()
            self.answer(isDurable: isDurable)
            let rest = deadline - ContinuousClock.now
            if isDurable || rest <= .zero || self.isLost { return }
            if !isAnnounced {
                self.logger.warning(
                    "The relay stops, but the store cannot commit; it goes on trying until the stop has taken too long.",
                    metadata: ["seconds": "\(rest.components.seconds)", "only_in_memory": "\(self.store.stagedFrames)"]
                )
                isAnnounced = true
            }
            StoreThread.sleep(for: min(self.pace.retry, rest))
        }
    }

    private static func lost(_ frames: Int, because error: StoreError) -> StoreError {
        guard frames > 0 else {
            return StoreError(
                error.code,
                "No frame is lost, but what was delivered last may be delivered again, since that could not be noted. \(error.message)"
            )
        }
        return StoreError(
            error.code,
            "\(frames) frames that were only in memory are lost; no sender was told that they are safe. \(error.message)"
        )
    }

    // MARK: Work

    private func carryOut(_ work: StoreInbox.Work, until deadline: ContinuousClock.Instant?) {
        self.store.now = self.clock()
        switch work {
        case .submission(let submission): self.carryOut(submission, until: deadline)
        case .job(let job):
            let (staged, growth) = (self.store.staged, self.store.stagedGrowth)
            let finish = job.run(self.store)
            let needsRoom = self.store.stagedGrowth != growth
            self.answers.append(.job(finish: finish, needsCommit: self.store.staged != staged, needsRoom: needsRoom))
        }
    }

    private func carryOut(_ submission: StoreSubmission, until deadline: ContinuousClock.Instant?) {
        var completion = Completion(
            content: StoreCompletion(number: submission.number),
            client: submission.client,
            needsCommit: !submission.appends.isEmpty || !submission.removals.isEmpty || !submission.confirmations.isEmpty,
            acceptedAt: submission.acceptedAt,
            frames: submission.appends.count,
            frameBytes: submission.appends.cost
        )
        func keep(_ entry: AppendBatch.Entry, _ frame: UnsafeRawBufferPointer) {
            let key = submission.keys.isEmpty ? nil : submission.keys[entry.token]
            let untraced = entry.isTraced ? self.store.traceTotals.untraced : 0
            let outcome = self.append(frame, entry, acceptedAt: submission.acceptance(of: entry), key: key)
            if entry.token != 0 {
                var receipt = StoreCompletion.Receipt(ccid: entry.ccid, token: entry.token, outcome: outcome)
                if entry.isTraced { receipt.isTraced = self.store.traceTotals.untraced == untraced }
                completion.content.receipts.append(receipt)
            }
        }
        for removal in submission.removals {
            do throws(StoreError) {
                try self.store.remove(of: removal.ccid, through: removal.through)
            } catch {
                // The frames stay in flight, and come again when the connection ends: a duplicate, never a loss.
                self.logger.error(
                    "Delivered frames could not be removed.",
                    metadata: ["ccid": "\(removal.ccid)", "error": "\(error)"]
                )
            }
        }
        self.confirm(submission.confirmations)
        for ccid in submission.rewinds { self.store.rewind(ccid) }
        // After the rewinds: what is appended in flight belongs to the next connection.
        submission.appends.forEach(keep)
        self.read(submission.reads[...], completion, until: deadline)
    }

    /// Carries out a submission's reads. The rest of them, when the time is over, comes before everything else in the next turn.
    private func read(
        _ reads: ArraySlice<StoreSubmission.ReadRequest>,
        _ completion: Completion,
        until deadline: ContinuousClock.Instant?
    ) {
        var completion = completion
        var reads = reads
        while let request = reads.popFirst() {
            self.store.readsStagedApart = self.failure != nil
            let result = self.read(request)
            let run = StoreCompletion.Run(ccid: request.ccid, token: request.token, result: result)
            if self.mayHoldStaged(result, of: request.ccid) {
                completion.content.runs.append(run)
            } else {
                completion.durableRuns.append(run)
            }
            if let deadline, !reads.isEmpty, ContinuousClock.now >= deadline {
                self.items.prepend(.reads(completion, reads))
                return
            }
        }
        self.answers.append(.completion(completion))
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

    private func sweep() {
        let now = ContinuousClock.now
        // While nothing can be written, expired frames are the least of the store's worries. A full disk takes their ends.
        guard self.failure == nil || self.failure?.code == .diskFull, now >= self.nextSweep else { return }
        do throws(StoreError) {
            self.store.now = self.clock()
            let limit = self.pace.sweepLimit
            let end = now + Self.sweepTurn
            var isDone = try self.store.expire(now: self.store.now, limit: limit) < limit
            // What there is no time for is not done.
            let hasTimeToTrim = ContinuousClock.now < end
            let trimmed = hasTimeToTrim ? try self.store.trim(limit: limit) : limit
            let hasTimeToForget = ContinuousClock.now < end
            let forgotten = hasTimeToForget ? try self.store.forget(limit: limit) : limit
            isDone = isDone && max(trimmed, forgotten) < limit
            // Long work has a third of the thread's time at the most.
            let finish = ContinuousClock.now
            let pause = isDone ? self.pace.sweep : now.duration(to: finish) * 2
            self.nextSweep = finish.advanced(by: pause)
            self.sweepFailure = nil
        } catch {
            self.nextSweep = now + self.pace.sweep
            if self.sweepFailure != error {
                self.logger.error("Expired frames could not be looked for.", metadata: ["error": "\(error)"])
            }
            self.sweepFailure = error
        }
    }

    /// Finds out in time, also when nothing is to be committed, that what is written would be lost.
    private func check() {
        let now = ContinuousClock.now
        guard now >= self.nextCheck else { return }
        self.nextCheck = now + self.pace.retry
        do throws(StoreError) {
            try self.store.check()
            if self.store.staged == 0, self.failure != nil { self.noteSuccess() }
        } catch {
            self.noteFailure(error)
            self.nextAttempt = now + self.pace.retry
        }
    }

    // MARK: Commit and answers

    /// Makes everything staged durable; where there is no room for that, what ends frames.
    ///
    /// - Returns: whether everything staged is durable.
    private func commit() -> Bool {
        guard self.store.staged > 0 else { return true }
        if self.commitAll() { return true }
        if self.failure?.code == .diskFull, !self.isLost { self.commitEnds() }
        return false
    }

    private func commitEnds() {
        let begin = ContinuousClock.now
        guard self.store.staged > self.store.stagedGrowth, begin >= self.nextEnds else { return }
        do throws(StoreError) {
            try self.store.commitEnds()
            self.report.update { $0.noteTotals(of: self.store) }
        } catch {
            self.nextEnds = begin + self.pace.retry
            self.noteFailure(error)
        }
    }

    private func commitAll() -> Bool {
        let begin = ContinuousClock.now
        guard self.failure == nil || begin >= self.nextAttempt else { return false }
        guard !self.isLost else {
            self.nextAttempt = begin + self.pace.retry
            return false
        }
        do throws(StoreError) {
            try self.store.commit()
            let duration = ContinuousClock.now - begin
            self.report.update { content in
                content.statistics.commitTimes.record(duration / .seconds(1))
                content.noteTotals(of: self.store)
            }
            self.noteSuccess()
            self.noteDurable()
            return true
        } catch {
            self.noteFailure(error)
            self.nextAttempt = ContinuousClock.now + self.pace.retry
            return false
        }
    }

    private func noteSuccess() {
        self.report.update { $0.health = .healthy }
        if self.failure != nil { self.logger.notice("The store commits again; what waited is durable.") }
        self.failure = nil
        self.lastingFailures = 0
    }

    /// Attempts in a row that find the store damaged, or gone, until it is given up: a disk in trouble can make a file look so once
    /// that is whole when it is read again.
    private static let lastingAttempts = 3

    /// Nothing that is in memory can be written any more.
    private var isLost: Bool { self.lastingFailures >= Self.lastingAttempts }

    private func noteFailure(_ error: StoreError) {
        self.report.update { content in
            content.health = .failing(error)
            content.statistics.failures += 1
        }
        if self.failure?.code != error.code {
            self.logger.error(
                "The store cannot commit; frames wait in memory and no sender is told that they are kept.",
                metadata: ["error": "\(error)", "staged": "\(self.store.staged)"]
            )
        }
        self.failure = error
        self.lastingFailures = error.code.isLasting ? self.lastingFailures + 1 : 0
        if self.lastingFailures == Self.lastingAttempts { self.giveUp(error) }
    }

    private func giveUp(_ error: StoreError) {
        self.logger.critical(
            """
            The store on disk cannot be written any more, and trying again does not help, so the relay stops. Before you start it \
            again, let `ttmsctl store check` say what is left of the store, and restore it or move it away.
            """,
            metadata: ["error": "\(error)", "only_in_memory": "\(self.store.stagedFrames)"]
        )
        self.onLoss(error)
    }

    /// Notes how long the frames of everything that waits have waited.
    private func noteDurable() {
        let now = self.clock()
        self.report.update { content in
            for case .completion(let completion) in self.answers where completion.frames > 0 {
                content.statistics.durableTimes.record(now.seconds(since: completion.acceptedAt), times: completion.frames)
            }
        }
    }

    /// Answers all, or, while commits fail, those for whom nothing waits to become durable.
    private func answer(isDurable: Bool) {
        let areEndsDurable = self.store.staged == self.store.stagedGrowth
        var held: [Answer] = []
        var waiting: Set<ObjectIdentifier> = []
        for answer in self.answers {
            switch answer {
            case .job(let finish, let needsCommit, let needsRoom):
                // It stands, and is not taken back: who asked hears at once that it is not on disk yet.
                finish(isDurable || !needsCommit || (!needsRoom && areEndsDurable))
            case .completion(var completion):
                let client = completion.client
                // Its reads can have met what others have appended and is not durable.
                let needsCommit = completion.needsCommit || !completion.content.runs.isEmpty
                guard isDurable || !(needsCommit || waiting.contains(ObjectIdentifier(client))) else {
                    // A client hears of its submissions in order.
                    waiting.insert(ObjectIdentifier(client))
                    if !completion.durableRuns.isEmpty { client.readsCompleted(completion.durableRuns) }
                    completion.durableRuns = []
                    held.append(.completion(completion))
                    continue
                }
                self.report.addPending(-completion.frameBytes)
                completion.content.runs += completion.durableRuns
                client.commitCompleted(completion.content)
            }
        }
        self.answers = held
        guard isDurable else { return }
        let transitions = self.store.takeTransitions()
        if !transitions.isEmpty { self.observer(transitions) }
    }
}
