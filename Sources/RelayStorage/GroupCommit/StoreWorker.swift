import DequeModule
import Logging
import RelayCore

/// What the store thread does. It belongs to that thread alone, and so does the store.
///
/// A turn: carry out what has come, in order and as far as the turn's time reaches (``SubmissionWorker``); commit once; answer
/// (``StoreAnswers``). While commits fail, only reads that may bring frames which are not durable have to wait (`journal_after: 0`
/// promises that of every frame).
final class StoreWorker {
    /// How long a turn looks after what nobody has asked for, beside that.
    private static let sweepTurn = Duration.milliseconds(5)

    /// Work that has not begun.
    private var items: Deque<StoreInbox.Work> = []
    private let submissions: SubmissionWorker
    private var answers: StoreAnswers
    private let store: any MessageStore
    private let inbox: StoreInbox
    private let report: StoreReport
    private let logger: Logger
    private let pace: GroupCommitThread.Pace
    private let clock: @Sendable () -> Timestamp
    private let observer: @Sendable ([MessageTrace]) -> Void
    private let onLoss: @Sendable (StoreError) -> Void

    /// Why the last commit failed; `nil` when it succeeded.
    private var failure: StoreError?
    /// How often in a row the store has failed in a way that trying again cannot mend.
    private var lastingFailures = 0
    private var nextAttempt = ContinuousClock.now
    /// Not before this is tried again to commit what ends frames, on a full disk.
    private var nextEnds = ContinuousClock.now
    private var nextSweep = ContinuousClock.now
    private var nextCheck = ContinuousClock.now
    private var sweepLog = HealthLog<StoreError.Code?>(nil)
    /// Which changes of the store's health are logged: on a disk that is full under load it changes each second.
    private var healthLog = HealthLog<StoreError.Code?>(nil)

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
        self.submissions = SubmissionWorker(store: store, report: report, logger: logger, clock: clock)
        self.answers = StoreAnswers(report: report)
        store.now = clock()
    }

    /// Runs until the inbox is closed and empty.
    func run() {
        while true {
            let due = self.failure == nil ? self.nextSweep : self.store.staged > 0 ? self.nextAttempt : self.nextCheck
            let timeout = self.isIdle ? min(due, self.nextCheck) - ContinuousClock.now : .zero
            let delivery = self.inbox.wait(timeout: timeout)
            let begin = ContinuousClock.now
            self.items.append(contentsOf: delivery.work)
            self.carryOut(until: delivery.patience == nil ? begin + self.pace.turn : nil)
            if let patience = delivery.patience { return self.finish(until: .now + patience) }
            self.sweep()
            self.check()
            let duration = ContinuousClock.now - begin
            self.report.update { $0.statistics.turnTimes.record(duration / .seconds(1)) }
            self.answer(isDurable: self.commit())
        }
    }

    /// Whether there is no work left.
    private var isIdle: Bool { self.items.isEmpty && !self.submissions.isBusy }

    /// Carries out the work in order, as far as the time reaches.
    private func carryOut(until deadline: ContinuousClock.Instant?) {
        var time = TurnTime(until: deadline)
        while !self.isIdle {
            if !self.submissions.isBusy, let work = self.items.popFirst() { self.begin(work) }
            if let completion = self.submissions.goOn(&time, isFailing: self.failure != nil) {
                self.answers.add(completion)
            }
            if time.isOver { return }
        }
    }

    private func begin(_ work: StoreInbox.Work) {
        switch work {
        case .submission(let submission): self.submissions.begin(submission)
        case .job(let job):
            self.store.now = self.clock()
            let (staged, growth) = (self.store.staged, self.store.stagedGrowth)
            let finish = job.run(self.store)
            let needsRoom = self.store.stagedGrowth != growth
            self.answers.add(finish, needsCommit: self.store.staged != staged, needsRoom: needsRoom)
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

    // MARK: Sweeps

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
            _ = self.sweepLog.change(to: nil, at: now)
        } catch {
            self.nextSweep = now + self.pace.sweep
            if self.sweepLog.change(to: error.code, at: now) {
                self.logger.error("Expired frames could not be looked for.", metadata: ["error": "\(error)"])
            }
        }
    }

    /// Finds out in time, also when nothing is to be committed, that what is written would be lost.
    private func check() {
        let now = ContinuousClock.now
        guard now >= self.nextCheck else { return }
        self.nextCheck = now + self.pace.retry
        defer { self.summariseHealth(at: now) }
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
            return true
        } catch {
            self.noteFailure(error)
            self.nextAttempt = ContinuousClock.now + self.pace.retry
            return false
        }
    }

    private func noteSuccess() {
        self.report.update { $0.health = .healthy }
        if self.healthLog.change(to: nil, at: .now) {
            self.logger.notice("The store commits again; what waited is durable.")
        }
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
        if self.healthLog.change(to: error.code, at: .now) {
            self.logger.error(
                "The store cannot commit; frames wait in memory and no sender is told that they are kept.",
                metadata: ["error": "\(error)", "staged": "\(self.store.staged)"]
            )
        }
        self.failure = error
        self.lastingFailures = error.code.isLasting ? self.lastingFailures + 1 : 0
        if self.lastingFailures == Self.lastingAttempts { self.giveUp(error) }
    }

    /// Logs how often the health has changed without a line. Called some times a minute.
    private func summariseHealth(at now: ContinuousClock.Instant) {
        guard let summary = self.healthLog.takeSummary(at: now) else { return }
        var metadata: Logger.Metadata = ["changes": "\(summary.changes)", "staged": "\(self.store.staged)"]
        if let failure { metadata["error"] = "\(failure)" }
        self.logger.log(
            level: self.failure == nil ? .notice : .error,
            self.failure == nil
                ? "The store has failed and recovered repeatedly since the last message; it commits now."
                : "The store has failed and recovered repeatedly since the last message; it cannot commit now.",
            metadata: metadata
        )
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

    /// Sends the answers that are due, and with a commit reports what became of traced messages.
    private func answer(isDurable: Bool) {
        let areEndsDurable = self.store.staged == self.store.stagedGrowth
        self.answers.send(isDurable: isDurable, areEndsDurable: areEndsDurable, now: self.clock())
        guard isDurable else { return }
        let transitions = self.store.takeTransitions()
        if !transitions.isEmpty { self.observer(transitions) }
    }
}
