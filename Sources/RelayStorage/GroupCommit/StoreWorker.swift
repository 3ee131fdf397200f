import DequeModule
import Logging
import RelayCore

/// The work of the store thread. This object and the store are confined to that thread.
///
/// A turn carries out the work in order, as far as its time allows (``SubmissionWorker``), commits once, and answers
/// (``StoreAnswers``). While commits fail, only reads that may return frames which are not durable have to wait, as
/// `journal_after: 0` requires.
final class StoreWorker {
    /// The time that a turn has for sweeps.
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

    /// The failure of the last commit; `nil` when it succeeded.
    private var failure: StoreError?
    /// The number of successive failures that trying again cannot correct.
    private var lastingFailures = 0
    private var nextAttempt = ContinuousClock.now
    /// The earliest time of the next attempt to commit the ends of frames on a full disk.
    private var nextEnds = ContinuousClock.now
    private var nextSweep = ContinuousClock.now
    private var nextCheck = ContinuousClock.now
    private var sweepLog = HealthLog<StoreError.Code?>(nil)
    /// Limits the log of the store's health, which changes each second on a disk that is full under load.
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

    /// Carries out the work in order, as far as the time allows.
    private func carryOut(until deadline: ContinuousClock.Instant?) {
        var time = TurnTime(until: deadline)
        while !self.isIdle {
            if !self.submissions.isBusy, let work = self.items.popFirst() { self.begin(work) }
            if let completion = self.submissions.resume(&time, isFailing: self.failure != nil) {
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
            // Closing commits once more: a checkpoint, or the changes that could not be committed.
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

    /// Commits the rest, and tries again until `deadline` while that fails.
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
                "No frame is lost, but the frames delivered last may be sent again, since their end could not be recorded. \(error.message)"
            )
        }
        return StoreError(
            error.code,
            "\(frames) frames that were only in memory are lost; no sender has a receipt for them. \(error.message)"
        )
    }

    // MARK: Sweeps

    private func sweep() {
        let now = ContinuousClock.now
        // While nothing can be written, expiry has to wait. A full disk can store the ends of frames.
        guard self.failure == nil || self.failure?.code == .diskFull, now >= self.nextSweep else { return }
        do throws(StoreError) {
            self.store.now = self.clock()
            let limit = self.pace.sweepLimit
            let end = now + Self.sweepTurn
            var isDone = try self.store.expire(now: self.store.now, limit: limit) < limit
            // Work without time left counts as not done.
            let hasTimeToTrim = ContinuousClock.now < end
            let trimmed = hasTimeToTrim ? try self.store.trim(limit: limit) : limit
            let hasTimeToForget = ContinuousClock.now < end
            let forgotten = hasTimeToForget ? try self.store.forget(limit: limit) : limit
            isDone = isDone && max(trimmed, forgotten) < limit
            // Long sweeps get at most a third of the thread's time.
            let finish = ContinuousClock.now
            let pause = isDone ? self.pace.sweep : now.duration(to: finish) * 2
            self.nextSweep = finish.advanced(by: pause)
            _ = self.sweepLog.change(to: nil, at: now)
        } catch {
            self.nextSweep = now + self.pace.sweep
            if self.sweepLog.change(to: error.code, at: now) {
                self.logger.error("Expired frames could not be searched for.", metadata: ["error": "\(error)"])
            }
        }
    }

    /// Checks the store's files, even when there is nothing to commit, so that their loss is detected early.
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

    /// Makes all staged changes durable; on a full disk, only the ends of frames.
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
            self.logger.notice("The store commits again; all waiting changes are durable.")
        }
        self.failure = nil
        self.lastingFailures = 0
    }

    /// Successive attempts that find the store damaged or missing, after which it is given up. On a failing disk, a file that
    /// is whole can seem damaged once.
    private static let lastingAttempts = 3

    /// Whether the changes in memory can no longer be written.
    private var isLost: Bool { self.lastingFailures >= Self.lastingAttempts }

    private func noteFailure(_ error: StoreError) {
        self.report.update { content in
            content.health = .failing(error)
            content.statistics.failures += 1
        }
        if self.healthLog.change(to: error.code, at: .now) {
            self.logger.error(
                "The store cannot commit; frames wait in memory, and their senders get no receipts.",
                metadata: ["error": "\(error)", "staged": "\(self.store.staged)"]
            )
        }
        self.failure = error
        self.lastingFailures = error.code.isLasting ? self.lastingFailures + 1 : 0
        if self.lastingFailures == Self.lastingAttempts { self.giveUp(error) }
    }

    /// Logs the number of changes of the health that were not logged. Called several times a minute.
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
            The store on disk cannot be written any more, and trying again does not help, so the relay stops. Before you start \
            it again, check the store with `ttmsctl store check`, and restore it or move it away.
            """,
            metadata: ["error": "\(error)", "only_in_memory": "\(self.store.stagedFrames)"]
        )
        self.onLoss(error)
    }

    /// Sends the answers that are due, and after a commit reports the changes of traced messages.
    private func answer(isDurable: Bool) {
        let areEndsDurable = self.store.staged == self.store.stagedGrowth
        self.answers.send(isDurable: isDurable, areEndsDurable: areEndsDurable, now: self.clock())
        guard isDurable else { return }
        let transitions = self.store.takeTransitions()
        if !transitions.isEmpty { self.observer(transitions) }
    }
}
