import RelayCore

/// Answers of the store thread, in the order of the work. Each is sent when everything carried out before it is durable.
struct StoreAnswers {
    /// The result of a submission that has been carried out.
    struct Completion {
        var content: StoreCompletion
        /// Reads that returned only durable frames. They are sent with the content, or before it while the content has to wait.
        var durableRuns: [StoreCompletion.Run] = []
        let client: any GroupCommitClient
        let needsCommit: Bool
        let acceptedAt: Timestamp
        let frames: Int
        let frameBytes: Int

        init(_ submission: StoreSubmission) {
            self.content = StoreCompletion(number: submission.number)
            self.client = submission.client
            self.needsCommit = submission.needsCommit
            self.acceptedAt = submission.acceptedAt
            self.frames = submission.appends.count
            self.frameBytes = submission.appends.cost
        }
    }

    private enum Answer {
        case completion(Completion)
        case job(finish: (Bool) -> Void, needsCommit: Bool, needsRoom: Bool)
    }

    private var answers: [Answer] = []
    private let report: StoreReport

    init(report: StoreReport) {
        self.report = report
    }

    /// Adds the answer to a submission that has been carried out completely.
    mutating func add(_ completion: Completion) { self.answers.append(.completion(completion)) }

    /// Adds the answer to a job.
    ///
    /// - Parameters:
    ///   - needsCommit: whether the job staged changes.
    ///   - needsRoom: whether those changes need space on disk.
    mutating func add(_ finish: @escaping (Bool) -> Void, needsCommit: Bool, needsRoom: Bool) {
        self.answers.append(.job(finish: finish, needsCommit: needsCommit, needsRoom: needsRoom))
    }

    /// Sends all answers, or, while commits fail, those that need no commit.
    ///
    /// - Parameters:
    ///   - isDurable: whether everything staged is durable.
    ///   - areEndsDurable: whether all changes are durable that need no space on disk.
    mutating func send(isDurable: Bool, areEndsDurable: Bool, now: Timestamp) {
        if isDurable { self.recordDurableTimes(now: now) }
        var held: [Answer] = []
        var waiting: Set<ObjectIdentifier> = []
        for answer in self.answers {
            switch answer {
            case .job(let finish, let needsCommit, let needsRoom):
                // The change is not undone: its caller learns at once that it is not durable yet.
                finish(isDurable || !needsCommit || (!needsRoom && areEndsDurable))
            case .completion(var completion):
                let client = completion.client
                // Reads can return frames of other submissions that are not durable.
                let needsCommit = completion.needsCommit || !completion.content.runs.isEmpty
                guard isDurable || !(needsCommit || waiting.contains(ObjectIdentifier(client))) else {
                    // Completions of one client are sent in the order of its submissions.
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
    }

    /// Records the time from the acceptance of frames to the commit that made their submission durable.
    private func recordDurableTimes(now: Timestamp) {
        guard !self.answers.isEmpty else { return }
        self.report.update { content in
            for case .completion(let completion) in self.answers where completion.frames > 0 {
                content.statistics.durableTimes.record(now.seconds(since: completion.acceptedAt), times: completion.frames)
            }
        }
    }
}
