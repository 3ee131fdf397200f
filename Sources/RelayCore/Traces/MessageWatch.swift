import Synchronization

/// Tells those who wait for a message what becomes of it.
///
/// The store's thread says what has changed, after the commit that made it durable; a waiting task costs nothing meanwhile, and no
/// thread.
public final class MessageWatch: Sendable {
    private struct State {
        var waiting: [MessageID: [UInt64: AsyncStream<MessageTrace>.Continuation]] = [:]
        var nextNumber: UInt64 = 0
        var isClosed = false
    }

    private let state = Mutex(State())

    /// Nobody waits.
    public init() {}

    /// Messages have changed. Any thread; never blocks for long.
    public func changed(_ traces: [MessageTrace]) {
        self.state.withLock { state in
            guard !state.waiting.isEmpty else { return }
            for trace in traces {
                for continuation in state.waiting[trace.id, default: [:]].values { continuation.yield(trace) }
            }
        }
    }

    /// Nobody waits any more, or will: the relay stops, and what is not delivered by then will not be in the time that they have.
    public func close() {
        let waiting = self.state.withLock { state in
            state.isClosed = true
            return state.waiting.values.flatMap { Array($0.values) }
        }
        for continuation in waiting { continuation.finish() }
    }

    /// Waits until the message has ended, the watch is closed, the waiting task is cancelled, or `timeout` is over.
    ///
    /// - Parameter current: reads the message's trace. It is asked once changes are noted, so that none falls between.
    /// - Returns: the trace by then; `nil` when there is none.
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
            state.waiting[id]?[number] = nil
            if state.waiting[id]?.isEmpty ?? false { state.waiting[id] = nil }
        }
    }
}
