import AdminAPI
import RelayCore
import Synchronization

/// Everybody who follows the events, and the one task that wakes them.
///
/// Publishers only put events into the log; they never wait for, or wake, anybody. While somebody follows, a task looks at the log
/// some times a second and wakes those who wait: an event is seen some ten milliseconds later, and a flood of them costs as many
/// wake-ups as a trickle.
final class EventHub: Sendable {
    private struct State {
        var streams: [ObjectIdentifier: EventStream] = [:]
        var ticker: Task<Void, Never>?
    }

    /// How often the log is looked at; and how often when so much happens that the ring would not last for that time.
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

    /// Lets somebody follow.
    ///
    /// - Parameters:
    ///   - lastID: the id of the last event that the client has seen, as it said it.
    ///   - isAllowed: whether it may follow still.
    /// - Throws: ``ProblemDetails`` when too many follow already.
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
                detail: "\(self.limit) clients follow the events already. Try again when one of them has gone."
            )
        }
        stream.start()
        return stream
    }

    /// Somebody does not follow any more.
    ///
    /// - Returns: `false` when it did not before.
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
