import Dispatch
import NIOCore

/// The time of a simulated world: it passes only when the schedule says so. All loops share it, so that a loop that is not let run
/// finds its timers late, as on a busy machine.
final class SimulatedClock: @unchecked Sendable {
    // Confined to the one thread that runs its world, as everything here is.
    private(set) var now = NIODeadline.uptimeNanoseconds(1_000_000_000)

    /// The wall clock: microseconds since 1970.
    var wall: Int64 { 1_700_000_000_000_000 + Int64(self.now.uptimeNanoseconds / 1_000) }

    func advance(by amount: TimeAmount) {
        self.now = self.now + amount
    }

    func advance(to time: NIODeadline) {
        self.now = max(self.now, time)
    }
}

/// An event loop that runs one task when it is told to.
///
/// SwiftNIO's `EmbeddedEventLoop` runs all that is ready at once, and every timer at the time it was due. Here the schedule comes
/// between any two tasks, loops share a clock, and timers are late when their loop is: that is where races live.
///
/// `@unchecked Sendable` because event loops have to be: a world and all its loops belong to one thread.
final class SimulatedLoop: EventLoop, @unchecked Sendable {
    private struct Timer {
        var id: UInt64
        var due: NIODeadline
        var run: () -> Void
        var cancel: () -> Void
    }

    private let clock: SimulatedClock
    private var ready = CircularBuffer<(run: () -> Void, cancel: () -> Void)>()
    /// By the time when they are due.
    private var timers: [Timer] = []
    private var nextTimer: UInt64 = 0
    private var isStopped = false
    /// When nothing was ready last.
    private(set) var restedAt: NIODeadline

    init(clock: SimulatedClock) {
        self.clock = clock
        self.restedAt = clock.now
    }

    var now: NIODeadline { self.clock.now }
    var inEventLoop: Bool { true }

    // MARK: Running

    /// When the first timer is due.
    var nextDue: NIODeadline? { self.timers.first?.due }

    var hasWork: Bool { !self.ready.isEmpty || (self.nextDue.map { $0 <= self.now } ?? false) }

    /// Runs the next task that is ready.
    func runOne() {
        while let timer = self.timers.first, timer.due <= self.now {
            self.timers.removeFirst()
            self.ready.append((timer.run, timer.cancel))
        }
        if let task = self.ready.popFirst() { task.run() }
        if self.ready.isEmpty { self.restedAt = self.now }
    }

    /// Runs all that is ready; what that makes ready, too.
    func runAll() {
        while self.hasWork { self.runOne() }
        self.restedAt = self.now
    }

    /// The process is dead: nothing runs any more.
    func kill() {
        self.isStopped = true
        let cancelled = self.ready.map(\.cancel) + self.timers.map(\.cancel)
        self.ready.removeAll()
        self.timers.removeAll()
        for cancel in cancelled { cancel() }
    }

    // MARK: EventLoop

    func execute(_ task: @escaping () -> Void) {
        guard !self.isStopped else { return }
        self.ready.append((task, {}))
    }

    func submit<T>(_ task: @escaping () throws -> T) -> EventLoopFuture<T> {
        let promise = self.makePromise(of: T.self)
        let run = { promise.assumeIsolated().completeWith(Result { try task() }) }
        let cancel = { promise.fail(EventLoopError.cancelled) }
        if self.isStopped { cancel() } else { self.ready.append((run, cancel)) }
        return promise.futureResult
    }

    func scheduleTask<T>(deadline: NIODeadline, _ task: @escaping () throws -> T) -> Scheduled<T> {
        let promise = self.makePromise(of: T.self)
        self.nextTimer += 1
        let id = self.nextTimer
        let timer = Timer(
            id: id,
            due: deadline,
            run: { promise.assumeIsolated().completeWith(Result { try task() }) },
            cancel: { promise.fail(EventLoopError.cancelled) }
        )
        if self.isStopped {
            timer.cancel()
        } else {
            let index = self.timers.firstIndex { $0.due > deadline } ?? self.timers.endIndex
            self.timers.insert(timer, at: index)
        }
        return Scheduled(promise: promise) { self.timers.removeAll { $0.id == id } }
    }

    func scheduleTask<T>(in amount: TimeAmount, _ task: @escaping () throws -> T) -> Scheduled<T> {
        self.scheduleTask(deadline: self.now + amount, task)
    }

    func preconditionInEventLoop(file: StaticString, line: UInt) {}

    func shutdownGracefully(queue: DispatchQueue, _ callback: @escaping @Sendable ((any Error)?) -> Void) {
        self.kill()
        queue.async { callback(nil) }
    }
}
