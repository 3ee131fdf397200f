import NIOCore
import NIOPosix

/// All event loops of a load, for callers on other threads.
final class Generator: Sendable {
    let plan: LoadPlan
    let loops: [LoadLoop]
    private let group: MultiThreadedEventLoopGroup

    /// Makes a load whose terminals are all offline.
    init(_ plan: LoadPlan) async throws {
        self.plan = plan
        let group = MultiThreadedEventLoopGroup(numberOfThreads: plan.loops)
        self.group = group
        let loops = (0..<plan.loops).map { LoadLoop(group.next(), plan: plan, index: $0) }
        for loop in loops { try await loop.eventLoop.submit { loop.loops = loops }.get() }
        self.loops = loops
    }

    /// Closes all connections, and ends the threads.
    func shutDown() async throws {
        try? await self.close(0..<self.plan.terminals)
        try await self.group.shutdownGracefully()
    }

    /// Connects terminals, and waits until each has registered and has received `frames` frames.
    ///
    /// - Throws: ``LoadFailure``.
    func arrive(_ indices: Range<Int>, frames: Int = 0) async throws {
        try await self.onAll { $0.arrive(indices, frames: frames) }
    }

    /// Closes terminals, all at once.
    func close(_ indices: Range<Int>) async throws {
        try await self.onAll { $0.close(indices) }
    }

    /// Has terminals send heartbeats, several at once, and the next after these are answered.
    ///
    /// - Throws: ``LoadFailure``.
    func heartbeats(_ indices: Range<Int>, count: Int) async throws {
        try await self.onAll { $0.heartbeats(indices, count: count) }
    }

    /// Has senders send frames for offline terminals, and waits until the server has stored them.
    ///
    /// - Parameter frames: the number of frames of each sender.
    /// - Throws: ``LoadFailure``.
    func store(_ senders: [Sender], frames: [Int]) async throws {
        try await self.onAll { $0.store(senders, frames: frames) }
    }

    /// Begins to send.
    func start(_ senders: [Sender], pace: Pace) async throws {
        try await self.onAll { loop in
            loop.prepare(senders, pace: pace)
            return loop.eventLoop.makeSucceededVoidFuture()
        }
        let start = LoadClock.now + LoadLoop.leadTime
        try await self.onAll { loop in
            loop.start(senders, pace: pace, at: start)
            return loop.eventLoop.makeSucceededVoidFuture()
        }
    }

    /// Ends sending.
    func stop() async throws {
        try await self.onAll { loop in
            loop.stop()
            return loop.eventLoop.makeSucceededVoidFuture()
        }
    }

    /// Makes slow readers read as fast as they can.
    func readFast() async throws {
        try await self.onAll { loop in
            for terminal in loop.terminals { terminal?.readFast() }
            return loop.eventLoop.makeSucceededVoidFuture()
        }
    }

    /// Returns the measurements since the last call.
    ///
    /// - Throws: ``LoadFailure`` when the load cannot go on.
    func take() async throws -> Measurements {
        var sum = Measurements()
        for loop in self.loops {
            sum.add(try await loop.eventLoop.submit { try Self.check(loop).take() }.get())
        }
        return sum
    }

    /// Returns the counts since the last ``take()``.
    ///
    /// - Throws: ``LoadFailure`` when the load cannot go on.
    func counts() async throws -> LoadCounts {
        var sum = LoadCounts()
        for loop in self.loops {
            sum += try await loop.eventLoop.submit { try Self.check(loop).measurements.counts }.get()
        }
        return sum
    }

    /// Gives up: all that is awaited fails.
    func fail(_ failure: LoadFailure) async {
        for loop in self.loops { try? await loop.eventLoop.submit { loop.fail(failure) }.get() }
    }

    /// An event loop for clients beside the terminals.
    var eventLoop: any EventLoop { self.loops.first?.eventLoop ?? self.group.next() }

    private static func check(_ loop: LoadLoop) throws -> LoadLoop {
        if let failure = loop.failure { throw failure }
        return loop
    }

    private func onAll(_ body: @escaping @Sendable (LoadLoop) -> EventLoopFuture<Void>) async throws {
        let futures = self.loops.map { loop in loop.eventLoop.flatSubmit { body(loop) } }
        try await EventLoopFuture.andAllSucceed(futures, on: self.group.next()).get()
    }
}
