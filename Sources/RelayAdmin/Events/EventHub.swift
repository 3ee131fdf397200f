import AdminAPI
import RelayCore
import Synchronization

/// The registry of all event streams, and the one task that wakes them.
///
/// Publishers only append events to the log; they never wait for a client, nor wake one. While there are streams, a task checks the
/// log several times a second and wakes waiting clients. An event is therefore sent some ten milliseconds later, and a flood of
/// events costs as many wake-ups as a few.
final class EventHub: Sendable {
    private struct State {
        var streams: [ObjectIdentifier: EventStream] = [:]
        var ticker: Task<Void, Never>?
    }

    /// The intervals of the checks; the short one is for so many events that the ring would not last for the other.
    private static let interval = Duration.milliseconds(50)
    private static let shortInterval = Duration.milliseconds(2)

    let log: EventLog
    private let limit: Int
    private let heartbeat: Duration
    private let state = Mutex(State())

    init(log: EventLog, options: AdminOptions) {
        self.log = log
        self.limit = max(options.maximumEventStreams, 1)
        self.heartbeat = options.eventHeartbeat
    }

    /// Opens a stream for a client.
    ///
    /// - Parameters:
    ///   - lastID: the id of the last event that the client has seen, as the client sent it.
    ///   - isAllowed: whether it may still follow.
    /// - Throws: ``ProblemDetails`` when there are too many streams.
    func open(
        _ filter: EventFilter,
        after lastID: String?,
        isAllowed: @escaping @Sendable () -> Bool
    ) throws(ProblemDetails) -> EventStream {
        let stream = EventStream(filter, after: lastID, hub: self, isAllowed: isAllowed)
        let isOpen = self.state.withLock { state in
            guard state.streams.count < self.limit else { return false }
            state.streams[ObjectIdentifier(stream)] = stream
            if state.ticker == nil { state.ticker = Task { await self.tick() } }
            return true
        }
        guard isOpen else {
            throw ProblemDetails(
                .tooManyStreams,
                detail: "\(self.limit) clients already follow the events. Try again when one of them has ended."
            )
        }
        stream.start()
        return stream
    }

    /// Removes a stream.
    ///
    /// - Returns: `false` when it was not registered.
    func close(_ stream: EventStream) -> Bool {
        self.state.withLock { state in
            guard state.streams.removeValue(forKey: ObjectIdentifier(stream)) != nil else { return false }
            if state.streams.isEmpty {
                state.ticker?.cancel()
                state.ticker = nil
            }
            return true
        }
    }

    private func tick() async {
        var seen = self.log.last
        var interval = Self.interval
        while (try? await Task.sleep(for: interval)) != nil {
            let last = self.log.last
            interval = last > seen + UInt64(self.log.capacity / 4) ? Self.shortInterval : Self.interval
            let streams = self.state.withLock { Array($0.streams.values) }
            let silentSince = ContinuousClock.now - self.heartbeat
            for stream in streams { stream.wake(isNews: last != seen, silentSince: silentSince) }
            seen = last
        }
    }
}
