import Synchronization

/// Delivers the changes of messages to tasks that wait for them.
///
/// The store's thread passes changes after the commit that made them durable. A waiting task blocks no thread.
public final class MessageWatch: Sendable {
    private struct State {
        var waiting: [MessageID: [UInt64: AsyncStream<MessageTrace>.Continuation]] = [:]
        var nextNumber: UInt64 = 0
        var isClosed = false
    }

    private let state = Mutex(State())

    /// Makes a watch without waiting tasks.
    public init() {}

    /// Passes changed messages to the tasks that wait for them. Any thread; never blocks for long.
    public func changed(_ traces: [MessageTrace]) {
        self.state.withLock { state in
            guard !state.waiting.isEmpty else { return }
            for trace in traces {
                for continuation in state.waiting[trace.id, default: [:]].values { continuation.yield(trace) }
            }
        }
    }

    /// Ends all waits, present and later ones. Called when the relay stops: messages that are not delivered then will not be while
    /// it runs.
    public func close() {
        let waiting = self.state.withLock { state in
            state.isClosed = true
            return state.waiting.values.flatMap { Array($0.values) }
        }
        for continuation in waiting { continuation.finish() }
    }

    /// Waits until the message has ended, the watch is closed, the waiting task is cancelled, or `timeout` has passed.
    ///
    /// - Parameter current: reads the message's trace. It is called after the registration for changes, so that none is missed.
    /// - Returns: the latest trace; `nil` when there is none.
    public func awaitEnd(
        of id: MessageID,
        timeout: Duration,
        current: () async throws -> MessageTrace?
    ) async rethrows -> MessageTrace? {
        let (changes, continuation) = AsyncStream.makeStream(of: MessageTrace.self, bufferingPolicy: .bufferingNewest(1))
        let number = self.add(continuation, for: id)
        defer { self.remove(number, for: id) }
        guard var latest = try await current() else { return nil }
        if latest.state.isEnd { return latest }
        let timer = Task {
            try await Task.sleep(for: timeout)
            continuation.finish()
        }
        defer { timer.cancel() }
        for await trace in changes {
            latest = trace
            if trace.state.isEnd { break }
        }
        return latest
    }

    private func add(_ continuation: AsyncStream<MessageTrace>.Continuation, for id: MessageID) -> UInt64 {
        self.state.withLock { state in
            state.nextNumber += 1
            state.waiting[id, default: [:]][state.nextNumber] = continuation
            if state.isClosed { continuation.finish() }
            return state.nextNumber
        }
    }

    private func remove(_ number: UInt64, for id: MessageID) {
        self.state.withLock { state in
            assert(state.waiting[id]?[number] != nil, "each wait is removed once")
            state.waiting[id]?[number] = nil
            if state.waiting[id]?.isEmpty ?? false { state.waiting[id] = nil }
        }
    }
}
