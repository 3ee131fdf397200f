import NIOCore
import RelayCore
import TTMSProtocol

/// The store thread and its disk: a ``MemoryStore`` that does the work, and what a restart would find of it.
///
/// It carries out, commits and answers as `StoreWorker` does, but only when the schedule says so, as far as that says, and with
/// the disk in the state that it says.
///
/// `@unchecked Sendable` because group commits have to be: it belongs to its world's thread.
final class SimulatedStore: GroupCommit, @unchecked Sendable {
    private enum Work {
        case submission(StoreSubmission)
        case job((SimulatedStore) -> Void)
    }

    private struct Answer {
        var completion: StoreCompletion
        /// Answers to reads that need not wait for the commit.
        var durableRuns: [StoreCompletion.Run] = []
        var client: any GroupCommitClient
        var needsCommit: Bool
        var cost: Int
    }

    let memory: MemoryStore
    /// What is on disk.
    private(set) var durable: MemoryStore
    private(set) var health = StoreHealth.healthy
    private(set) var pendingBytes = 0
    private var totals: StoreTotals
    private unowned let claims: Claims
    private let clock: SimulatedClock
    private let fault: PlantedFault?
    private var inbox = CircularBuffer<Work>()
    private var answers: [Answer] = []
    /// The number of each frame that is kept.
    private var numbers: [MessageID: Int] = [:]
    private var appends = 0
    /// A frame that ``PlantedFault/storeSwapsFrames`` keeps back.
    private var keptBack: (AppendBatch.Entry, [UInt8], Timestamp)?

    /// Opens what an earlier store has left on disk.
    init(reopening former: MemoryStore, claims: Claims, clock: SimulatedClock, fault: PlantedFault?) {
        self.memory = MemoryStore(reopening: former)
        self.durable = former
        self.totals = self.memory.totals
        self.claims = claims
        self.clock = clock
        self.fault = fault
        self.numbers = Self.numbers(in: self.memory)
    }

    /// The numbers of the frames that are on disk.
    var durableNumbers: Set<Int> { Set(Self.numbers(in: self.durable).values) }

    /// The numbers of a terminal's frames on disk, in their order.
    func durableOrder(of ccid: CCID) -> [Int] {
        let messages = (try? self.durable.messages(of: ccid, after: nil, limit: .max)) ?? []
        return messages.map { NumberedPayload.number($0.frame[Frame.contentOffset...]) }
    }

    private static func numbers(in store: MemoryStore) -> [MessageID: Int] {
        var numbers: [MessageID: Int] = [:]
        for terminal in store.terminals(after: nil, limit: .max) {
            for message in (try? store.messages(of: terminal.ccid, after: nil, limit: .max)) ?? [] {
                numbers[message.id] = NumberedPayload.number(message.frame[Frame.contentOffset...])
            }
        }
        return numbers
    }

    /// The process is dead: what has been asked of the store is forgotten, and with it who asked.
    func kill() {
        self.inbox = []
        self.answers = []
    }

    // MARK: GroupCommit

    var kept: KeptTerminals { self.memory.kept }

    var full: FullTerminals { self.memory.full }

    var traced: TracedTerminals { self.memory.traced }

    var statistics: GroupCommitStatistics {
        var statistics = GroupCommitStatistics()
        statistics.totals = self.totals
        statistics.pendingBytes = self.pendingBytes
        return statistics
    }

    func submit(_ submission: StoreSubmission) {
        self.pendingBytes += submission.appends.cost
        self.inbox.append(.submission(submission))
    }

    func post(_ body: @escaping @Sendable ((any MessageStore)?) -> Void) {
        self.inbox.append(.job { body($0.memory) })
    }

    func change<Value: Sendable>(
        _ body: @escaping @Sendable (any MessageStore) throws -> Value
    ) async throws -> StoreChange<Value> {
        // Operators in the simulation use `change`, which does not suspend.
        throw StoreError(.other, "The simulated store has no tasks.")
    }

    /// An operator's change between two submissions.
    func change(_ body: @escaping (MemoryStore) -> Void) {
        self.inbox.append(.job { store in store.watchingEnds { body(store.memory) } })
    }

    /// Looks at what has been carried out of what was submitted until now.
    func look(_ body: @escaping (MemoryStore) -> Void) {
        self.inbox.append(.job { body($0.memory) })
    }

    // MARK: Turns

    /// Whether nothing waits to be carried out, committed or answered.
    var isIdle: Bool { self.inbox.isEmpty && self.answers.isEmpty && self.memory.staged == 0 }

    /// How the disk takes a turn.
    struct Turn {
        /// Of what has come, this much is carried out.
        var limit = Int.max
        /// Expired frames are looked for.
        var sweeps = false
        /// Reading fails.
        var failsToRead = false
        /// Why the commit fails; `nil` when it does not.
        var failure: StoreError?
    }

    /// Carries out, commits and answers.
    func take(_ turn: Turn) {
        for _ in 0..<min(turn.limit, self.inbox.count) {
            switch self.inbox.removeFirst() {
            case .submission(let submission): self.carryOut(submission, turn)
            case .job(let job): job(self)
            }
        }
        if turn.sweeps {
            self.watchingEnds { _ = try? self.memory.expire(now: self.now, limit: 100) }
        }
        let isDurable = self.memory.staged == 0 || turn.failure == nil
        if let failure = turn.failure, self.memory.staged > 0 {
            self.health = .failing(failure)
        } else {
            self.commit()
        }
        self.answer(isDurable: isDurable || self.fault == .storeAnswersBeforeCommit)
    }

    private func commit() {
        self.health = .healthy
        guard self.memory.staged > 0 else { return }
        // A double of `MemoryStore` cannot fail to commit.
        try? self.memory.commit()
        self.totals = self.memory.totals
        self.durable = MemoryStore(reopening: self.memory)
        self.claims.committed(Set(self.numbers.values))
    }

    private var now: Timestamp { Timestamp(microseconds: self.clock.wall) }

    private func carryOut(_ submission: StoreSubmission, _ turn: Turn) {
        var completion = StoreCompletion(number: submission.number)
        for removal in submission.removals { self.remove(removal) }
        for ccid in submission.rewinds { self.memory.rewind(ccid) }
        submission.appends.forEach { entry, frame in
            let outcome = self.append(entry, Array(frame), acceptedAt: submission.acceptance(of: entry))
            if entry.token != 0 {
                completion.receipts.append(.init(ccid: entry.ccid, token: entry.token, outcome: outcome))
            }
        }
        var durableRuns: [StoreCompletion.Run] = []
        for request in submission.reads {
            let isDurable = !self.memory.hasStagedFrames(for: request.ccid)
            let result = self.read(request, fails: turn.failsToRead)
            let run = StoreCompletion.Run(ccid: request.ccid, token: request.token, result: result)
            if isDurable { durableRuns.append(run) } else { completion.runs.append(run) }
        }
        self.answers.append(
            Answer(
                completion: completion,
                durableRuns: durableRuns,
                client: submission.client,
                needsCommit: submission.needsCommit,
                cost: submission.appends.cost
            )
        )
    }

    private func read(_ request: StoreSubmission.ReadRequest, fails: Bool) -> Result<StoredRun, StoreError> {
        if fails { return .failure(StoreError(.inputOutput, "The simulated disk does not read.")) }
        return Result { () throws(StoreError) in
            var result = Result<StoredRun, StoreError>.success(StoredRun())
            self.watchingEnds {
                result = Result { () throws(StoreError) in
                    try self.memory.readNext(of: request.ccid, maximumBytes: request.maximumBytes, now: self.now)
                }
            }
            return try result.get()
        }
    }

    private func remove(_ removal: StoreSubmission.Removal) {
        if self.fault == .storeForgetsRemoval { return }
        let removed = (try? self.memory.remove(of: removal.ccid, through: removal.through)) ?? 0
        guard removed > 0 else { return }
        let remaining = Set(((try? self.memory.messages(of: removal.ccid, after: nil, limit: .max)) ?? []).map(\.id))
        for id in self.numbers.keys where id.slot == removal.through.slot && !remaining.contains(id) { self.numbers[id] = nil }
    }

    private func append(_ entry: AppendBatch.Entry, _ frame: [UInt8], acceptedAt: Timestamp) -> AppendOutcome {
        self.appends += 1
        let isFaulty = self.appends.isMultiple(of: 5)
        switch self.fault {
        case .storeDropsFrame where isFaulty && entry.token == 0:
            return .queued(MessageID(rawValue: 0))
        case .storeDoublesFrame where isFaulty:
            _ = self.keep(entry, frame, acceptedAt: acceptedAt)
        case .storeSwapsFrames where entry.token == 0 && !entry.isInFlight && self.keptBack == nil:
            self.keptBack = (entry, frame, acceptedAt)
            return .queued(MessageID(rawValue: 0))
        default: break
        }
        let outcome = self.keep(entry, frame, acceptedAt: acceptedAt)
        if let (entry, frame, acceptedAt) = self.keptBack {
            self.keptBack = nil
            _ = self.keep(entry, frame, acceptedAt: acceptedAt)
        }
        return outcome
    }

    private func keep(_ entry: AppendBatch.Entry, _ frame: [UInt8], acceptedAt: Timestamp) -> AppendOutcome {
        let number = NumberedPayload.number(frame[Frame.contentOffset...])
        var outcome = AppendOutcome.rejected(.identifiers)
        if let cap = try? self.memory.refusal(of: entry, size: frame.count) {
            self.memory.countRefused()
            self.claims.ended(number)
            return .rejected(cap)
        }
        self.watchingEnds {
            frame.withUnsafeBytes { frame in
                let kept = try? self.memory.append(
                    frame,
                    to: entry.ccid,
                    acceptedAt: acceptedAt,
                    timeToLive: entry.timeToLive,
                    isInFlight: entry.isInFlight
                )
                outcome = kept ?? outcome
            }
        }
        if case .queued(let id) = outcome { self.numbers[id] = number } else { self.claims.ended(number) }
        if self.memory.limits.policy == .pushBack, case .rejected(let cap) = outcome {
            self.claims.violated("G6: message \(number) was refused at \(cap), though its sender could wait.")
        }
        return outcome
    }

    /// Tells the claims which frames `body` has ended otherwise than by delivery.
    private func watchingEnds(_ body: () -> Void) {
        let before = self.memory.totals
        body()
        let after = self.memory.totals
        if self.memory.limits.policy == .pushBack, after.evicted != before.evicted {
            self.claims.violated(
                "G6: \(after.evicted - before.evicted) messages were evicted, though their senders could wait."
            )
        }
        guard (before.expired, before.deleted, before.evicted) != (after.expired, after.deleted, after.evicted) else { return }
        let remaining = Self.numbers(in: self.memory)
        for (id, number) in self.numbers where remaining[id] == nil {
            self.claims.ended(number)
            self.numbers[id] = nil
        }
    }

    private func answer(isDurable: Bool) {
        var held: [Answer] = []
        var waiting: Set<ObjectIdentifier> = []
        for var answer in self.answers {
            let client = ObjectIdentifier(answer.client)
            let needsCommit = answer.needsCommit || !answer.completion.runs.isEmpty
            if isDurable || !(needsCommit || waiting.contains(client)) {
                self.pendingBytes -= answer.cost
                answer.completion.runs += answer.durableRuns
                answer.client.commitCompleted(answer.completion)
            } else {
                // A client hears of its submissions in order; of what it may read it hears at once.
                waiting.insert(client)
                if !answer.durableRuns.isEmpty { answer.client.readsCompleted(answer.durableRuns) }
                answer.durableRuns = []
                held.append(answer)
            }
        }
        self.answers = held
    }
}
