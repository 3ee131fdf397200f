import Foundation
import Logging
import NIOCore
import RelayCore
import Synchronization
import TTMSProtocol
import Testing

@testable import RelayStorage

/// The store's thread, over the store on disk.
@Suite struct GroupCommitThreadTests {
    /// Keeps what it is told.
    private final class Client: GroupCommitClient {
        private let completions = Mutex<[StoreCompletion]>([])
        private let earlyRuns = Mutex<[StoreCompletion.Run]>([])

        func commitCompleted(_ completion: StoreCompletion) {
            self.completions.withLock { $0.append(completion) }
        }

        func readsCompleted(_ runs: [StoreCompletion.Run]) {
            self.earlyRuns.withLock { $0 += runs }
        }

        /// Answers that came before their submission was durable.
        var early: [StoreCompletion.Run] { self.earlyRuns.withLock { $0 } }

        var all: [StoreCompletion] { self.completions.withLock { $0 } }

        /// Waits until there are `count` completions.
        func wait(for count: Int) async throws -> [StoreCompletion] {
            try await poll { self.all.count >= count }
            return self.all
        }
    }

    /// Holds the store's thread up.
    private final class Gate: Sendable {
        let isReached = Atomic(false)
        let opening = DispatchSemaphore(value: 0)

        func pass() {
            self.isReached.store(true, ordering: .releasing)
            self.opening.wait()
        }
    }

    /// A turn of usual length, and one that is over after a few steps.
    private static let paces = [Duration.milliseconds(10), .zero].map {
        GroupCommitThread.Pace(retry: .milliseconds(20), sweep: .milliseconds(20), turn: $0)
    }

    private func thread(
        _ store: sending any MessageStore,
        pace: GroupCommitThread.Pace = GroupCommitThread.Pace(retry: .milliseconds(20), sweep: .milliseconds(20)),
        second: Int64 = 0
    ) throws -> GroupCommitThread {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        return try GroupCommitThread(store: store, logger: logger, pace: pace) { .second(second) }
    }

    private func batch(_ texts: [String], to ccid: CCID, timeToLive: UInt32? = nil, isInFlight: Bool = false) -> AppendBatch {
        var batch = AppendBatch()
        for (index, text) in texts.enumerated() {
            let entry = AppendBatch.Entry(
                ccid: ccid,
                timeToLive: timeToLive,
                token: UInt32(index % 2),
                isInFlight: isInFlight
            )
            Array(text.utf8).withUnsafeBytes { batch.append(entry, frame: $0) }
        }
        return batch
    }

    @Test(arguments: Self.paces) func submissionsAreCarriedOutAndAnsweredInOrder(_ pace: GroupCommitThread.Pace) async throws {
        let directory = try TemporaryDirectory()
        let thread = try self.thread(try RocksDBStore.open(directory), pace: pace)
        let client = Client()
        for number: UInt64 in 0..<100 {
            var submission = StoreSubmission(number: number, client: client, acceptedAt: .second(0))
            submission.appends = self.batch(["\(number)", "\(number)'"], to: .a)
            thread.submit(submission)
        }
        let read = StoreSubmission.ReadRequest(ccid: .a, token: 9, maximumBytes: .max)
        thread.submit(StoreSubmission(number: 100, client: client, acceptedAt: .second(0), reads: [read]))
        let completions = try await client.wait(for: 101)
        #expect(completions.map(\.number) == Array(0...100))
        #expect(
            completions.flatMap(\.receipts)
                == (0..<100).map { number in
                    StoreCompletion.Receipt(
                        ccid: .a,
                        token: 1,
                        outcome: .queued(MessageID(slot: 0, sequence: 2 * number + 2))
                    )
                }
        )
        let run = try #require(completions.last?.runs.first)
        #expect(run.token == 9)
        #expect(try run.result.get().texts == (0..<100).flatMap { ["\($0)", "\($0)'"] })
        #expect(thread.pendingBytes == 0)
        #expect(thread.health == .healthy)
        #expect(thread.statistics.totals.frames == 200)
        let statistics = thread.statistics
        #expect(statistics.commits >= 1)
        #expect(statistics.durableTimes.count == 200)
        #expect(statistics.readTimes.count == 1 && statistics.waitingTimes.count == 1)

        // Answered means durable.
        #expect(try RocksDBStore.open(try directory.copy()).totals.frames == 200)
        try await thread.shutdown()
    }

    @Test func aFrameWhoseKeyCannotBeReadIsCountedAsRefused() async throws {
        let directory = try TemporaryDirectory()
        let store = try RocksDBStore.open(directory)
        // As after a failure; the second attempt to commit opens it anew.
        store.database = nil
        let thread = try self.thread(store)
        let client = Client()
        var submission = StoreSubmission(number: 1, client: client, acceptedAt: .second(0))
        submission.appends = self.batch(["without", "with"], to: .a)
        submission.keys = [1: IdempotencyKey(name: Array("key".utf8), content: Array("with".utf8))]
        thread.submit(submission)
        let completions = try await client.wait(for: 1)
        #expect(completions.flatMap(\.receipts).map(\.outcome) == [.rejected(.eviction)])
        let totals = thread.statistics.totals
        #expect(totals.appended == 1 && totals.frames == 1)
        #expect(totals.rejected == 1)
        try await thread.shutdown()
    }

    @Test func aDamagedStoreIsGivenUp() async throws {
        let directory = try TemporaryDirectory()
        let store = try RocksDBStore.open(directory)
        store.database = nil
        store.failure = StoreError(.inputOutput, "The disk fails.")
        try Data("garbled".utf8).write(to: URL(fileURLWithPath: "\(directory.path)/queue/CURRENT"))
        let thread = try self.thread(store)
        let submission = StoreSubmission(
            number: 1,
            client: Client(),
            acceptedAt: .second(0),
            appends: self.batch(["1", "2"], to: .a)
        )
        thread.submit(submission)
        let loss = await thread.losses.first { _ in true }
        #expect(loss?.code == .damaged)
        #expect(thread.statistics.failures == 3)
        await #expect {
            // It does not wait for what cannot come.
            try await thread.shutdown(patience: .seconds(3_600))
        } throws: { error in
            (error as? StoreError)?.message.hasPrefix("2 frames that were only in memory are lost") == true
        }
    }

    @Test func whatBelongsTogetherIsCommittedTogether() async throws {
        let directory = try TemporaryDirectory()
        // A turn that ends between two submissions commits the first of them alone.
        let pace = GroupCommitThread.Pace(gathering: .seconds(3_600), turn: .seconds(3_600))
        let thread = try self.thread(try RocksDBStore.open(directory), pace: pace)
        let clients = [Client(), Client()]
        let rounds: UInt64 = 50
        for number in 1...rounds {
            await thread.together {
                for client in clients {
                    var submission = StoreSubmission(number: number, client: client, acceptedAt: .second(0))
                    submission.appends = self.batch(["\(number)"], to: .a)
                    thread.submit(submission)
                    await Task.yield()
                }
            }
            for client in clients { _ = try await client.wait(for: Int(number)) }
        }
        #expect(thread.statistics.commits == rounds)
        try await thread.shutdown()
    }

    @Test func whatTakesTooLongIsNotWaitedFor() async throws {
        let directory = try TemporaryDirectory()
        let thread = try self.thread(try RocksDBStore.open(directory), pace: .init(gathering: .milliseconds(1)))
        let client = Client()
        let completed = await thread.together {
            let appends = self.batch(["1"], to: .a)
            thread.submit(StoreSubmission(number: 1, client: client, acceptedAt: .second(0), appends: appends))
            return try? await client.wait(for: 1).count
        }
        #expect(completed == 1)
        try await thread.shutdown()
    }

    @Test(arguments: Self.paces) func aRewindComesAfterTheReadsSubmittedBeforeIt(_ pace: GroupCommitThread.Pace) async throws {
        let directory = try TemporaryDirectory()
        let thread = try self.thread(try RocksDBStore.open(directory), pace: pace)
        let client = Client()
        let read = StoreSubmission.ReadRequest(ccid: .a, token: 1, maximumBytes: 1)
        // All of it gathers behind this, and is one turn.
        let gate = Gate()
        async let held: Void = thread.perform { _ in gate.pass() }
        // Also when something throws before: the end of a scope waits for what it has begun.
        defer { gate.opening.signal() }
        try await poll { gate.isReached.load(ordering: .acquiring) }
        thread.submit(
            StoreSubmission(number: 1, client: client, acceptedAt: .second(0), appends: self.batch(["1", "2"], to: .a))
        )
        thread.submit(StoreSubmission(number: 2, client: client, acceptedAt: .second(0), reads: [read]))
        thread.submit(StoreSubmission(number: 3, client: client, acceptedAt: .second(0), rewinds: [.a], reads: [read]))
        gate.opening.signal()
        try await held
        let runs = try await client.wait(for: 3).flatMap(\.runs).map { try $0.result.get().texts }
        #expect(runs == [["1"], ["1"]])
        try await thread.shutdown()
    }

    /// Removals concern the connection before, rewinds end it, and what is appended in flight is the next one's.
    @Test(arguments: Self.paces) func removalsThenRewindsThenAppendsAreCarriedOut(_ pace: GroupCommitThread.Pace) async throws {
        let directory = try TemporaryDirectory()
        let thread = try self.thread(try RocksDBStore.open(directory), pace: pace)
        let client = Client()
        var submission = StoreSubmission(number: 1, client: client, acceptedAt: .second(0))
        submission.appends = self.batch(["1", "2"], to: .a, isInFlight: true)
        thread.submit(submission)
        submission = StoreSubmission(number: 2, client: client, acceptedAt: .second(0))
        submission.removals = [StoreSubmission.Removal(ccid: .a, through: MessageID(slot: 0, sequence: 1))]
        submission.rewinds = [.a]
        submission.appends = self.batch(["3"], to: .b, isInFlight: true)
        thread.submit(submission)
        submission = StoreSubmission(number: 3, client: client, acceptedAt: .second(0))
        submission.rewinds = [.b]
        submission.appends = self.batch(["4"], to: .c, isInFlight: true)
        thread.submit(submission)
        _ = try await client.wait(for: 3)
        #expect(try await thread.perform { try $0.messages(of: .a, after: nil, limit: 9).map(\.text) } == ["2"])
        let inFlight = try await thread.perform { store in [.a, .b, .c].map { store.backlog(of: $0).inFlightFrames } }
        #expect(inFlight == [0, 0, 1])
        try await thread.shutdown()
    }

    @Test func jobsGiveBackWhatTheirBodiesReturnOrThrow() async throws {
        let directory = try TemporaryDirectory()
        let thread = try self.thread(try RocksDBStore.open(directory))
        let outcome = try await thread.perform { store in try store.append("1", to: .a) }
        #expect(outcome == .queued(MessageID(slot: 0, sequence: 1)))
        #expect(try RocksDBStore.open(try directory.copy()).totals.frames == 1)
        struct Failure: Error {}
        await #expect(throws: Failure.self) { try await thread.perform { _ in throw Failure() } }
        try await thread.shutdown()
        await #expect(throws: StoreError.self) { try await thread.perform { $0.totals } }
        #expect(thread.health == .closed)
    }

    @Test func expiredFramesAreSwept() async throws {
        let directory = try TemporaryDirectory()
        let store = try RocksDBStore.open(directory, limits: StoreLimits(timeToLive: 5))
        let pace = GroupCommitThread.Pace(retry: .seconds(1), sweep: .milliseconds(10), sweepLimit: 3)
        let thread = try self.thread(store, pace: pace, second: 60)
        try await thread.perform { store in
            for number in 0..<10 { try store.append("\(number)", to: .a) }
        }
        try await poll { thread.statistics.totals.expired == 10 }
        try await thread.shutdown()
    }

    @Test func shutdownCommitsWhatIsPending() async throws {
        let directory = try TemporaryDirectory()
        let thread = try self.thread(try RocksDBStore.open(directory))
        let client = Client()
        thread.submit(
            StoreSubmission(number: 1, client: client, acceptedAt: .second(0), appends: self.batch(["1"], to: .a))
        )
        try await thread.shutdown()
        #expect(client.all.map(\.number) == [1])
        thread.submit(
            StoreSubmission(number: 2, client: client, acceptedAt: .second(0), appends: self.batch(["2"], to: .a))
        )
        #expect(thread.pendingBytes == 0)
        #expect(try RocksDBStore.open(directory).texts(.a) == ["1"])
    }

    @Test func aLongSubmissionIsCarriedOutOverSeveralTurnsAndAnsweredOnce() async throws {
        let directory = try TemporaryDirectory()
        let store = try RocksDBStore.open(directory, limits: StoreLimits(terminalFrames: 50))
        let thread = try self.thread(store, pace: Self.paces[1])
        let client = Client()
        var submission = StoreSubmission(number: 1, client: client, acceptedAt: .second(0))
        submission.appends = self.batch((0..<80).map { "\($0)" }, to: .a)
        submission.reads = [StoreSubmission.ReadRequest(ccid: .a, token: 9, maximumBytes: .max)]
        thread.submit(submission)
        thread.submit(
            StoreSubmission(number: 2, client: client, acceptedAt: .second(0), appends: self.batch(["0"], to: .b))
        )
        #expect(try await thread.perform { $0.totals.appended } == 81, "what comes later is carried out later")
        let completions = try await client.wait(for: 2)
        #expect(completions.map(\.number) == [1, 2])
        #expect(
            completions.first?.receipts.map(\.outcome)
                == (0..<40).map { .queued(MessageID(slot: 0, sequence: 2 * $0 + 2)) }
        )
        #expect(try completions.first?.runs.first?.result.get().texts == (30..<80).map { "\($0)" })
        // Each eviction reads the clock, and the time is always over then.
        #expect(thread.statistics.commits >= 30)
        #expect(thread.statistics.durableTimes.count == 81)
        #expect(thread.pendingBytes == 0)
        #expect(try RocksDBStore.open(try directory.copy()).totals.frames == 51)
        try await thread.shutdown()
    }

    @Test func aLongSubmissionIsNotAnsweredWhileAPartOfItIsNotDurable() async throws {
        let directory = try TemporaryDirectory()
        let store = try RocksDBStore.open(directory)
        let obstacle = "\(directory.path)/probe"
        try FileManager.default.createDirectory(atPath: obstacle, withIntermediateDirectories: false)
        store.failure = StoreError(.inputOutput, "The disk was gone.")
        let thread = try self.thread(store, pace: Self.paces[1])
        let client = Client()
        let texts = (0..<100).map { "\($0)" }
        thread.submit(
            StoreSubmission(number: 1, client: client, acceptedAt: .second(0), appends: self.batch(texts, to: .a))
        )
        try await poll { thread.statistics.failures >= 3 }
        #expect(try await thread.perform { $0.totals.frames } == 100)
        #expect(client.all.isEmpty && thread.pendingBytes > 0)
        try FileManager.default.removeItem(atPath: obstacle)
        #expect(try await client.wait(for: 1).flatMap(\.receipts).count == 50)
        #expect(try RocksDBStore.open(try directory.copy()).texts(.a) == texts)
        try await thread.shutdown()
    }

    @Test(arguments: Self.paces) func nothingIsAnsweredBeforeItIsDurable(_ pace: GroupCommitThread.Pace) async throws {
        // The disk that fails is a directory in the place of the file with which the store tries it.
        let directory = try TemporaryDirectory()
        let store = try RocksDBStore.open(directory)
        try store.append("0", to: .a)
        try store.commit()
        let obstacle = "\(directory.path)/probe"
        try FileManager.default.createDirectory(atPath: obstacle, withIntermediateDirectories: false)
        store.failure = StoreError(.inputOutput, "The disk was gone.")
        let thread = try self.thread(store, pace: pace)
        let writer = Client()
        let reader = Client()
        let read = StoreSubmission.ReadRequest(ccid: .a, token: 1, maximumBytes: .max)
        thread.submit(
            StoreSubmission(number: 1, client: writer, acceptedAt: .second(0), appends: self.batch(["1"], to: .b))
        )
        let unsafeRead = StoreSubmission.ReadRequest(ccid: .b, token: 2, maximumBytes: .max)
        let emptyRead = StoreSubmission.ReadRequest(ccid: .c, token: 3, maximumBytes: .max)
        thread.submit(
            StoreSubmission(number: 2, client: writer, acceptedAt: .second(0), reads: [unsafeRead, read, emptyRead])
        )
        try await poll { thread.statistics.failures >= 3 }
        // What is durable can be delivered, and that there is nothing can be told.
        #expect(writer.early.map(\.token) == [1, 3])
        #expect(try writer.early.map { try $0.result.get().texts } == [["0"], []])
        thread.submit(StoreSubmission(number: 1, client: reader, acceptedAt: .second(0), rewinds: [.a], reads: [read]))
        let served = try await reader.wait(for: 1)
        #expect(try served.first?.runs.first?.result.get().texts == ["0"])
        #expect(writer.all.isEmpty, "in order, and not before the commit")
        #expect(thread.pendingBytes == self.batch(["1"], to: .b).cost)
        if case .failing(let error) = thread.health {
            #expect(error.code == .inputOutput)
        } else {
            Issue.record("It is not failing.")
        }
        #expect(try await thread.perform { $0.totals.frames } == 2, "looking needs no commit")
        let change = try await thread.change { try $0.append("2", to: .c).id != nil }
        #expect(change == StoreChange(true, isDurable: false), "it stands, and its answer says that it is not on disk")
        #expect(try await thread.perform { $0.totals.frames } == 3)

        try FileManager.default.removeItem(atPath: obstacle)
        let completions = try await writer.wait(for: 2)
        #expect(completions.map(\.number) == [1, 2])
        #expect(completions.flatMap(\.runs).map(\.token) == [2], "each read is answered once")
        #expect(writer.early.count == 2)
        #expect(thread.health == .healthy)
        #expect(thread.pendingBytes == 0)
        try await thread.shutdown()
    }
}

/// Waits until `condition` holds; fails when that takes half a minute and many looks.
///
/// Time alone says nothing: while other tests keep all threads busy, a minute may pass between two looks.
private func poll(_ condition: () -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(30)
    var looks = 0
    while !condition() {
        looks += 1
        try #require(ContinuousClock.now < deadline || looks < 1_000)
        try await Task.sleep(for: .milliseconds(1))
    }
}
