import Synchronization

/// Ring of the latest events, for clients that follow them. Any thread can publish.
///
/// Publishers and readers never wait for each other. A publisher overwrites the oldest event when the ring is full. Each reader
/// reads from its own position, and is notified of a gap when that position has been overwritten.
///
/// Publishing costs one relaxed load while the log does not record. It records while it has readers, and for one more turn of the
/// ring afterwards. A reader that returns within it has missed nothing; a later one would find its position overwritten in any
/// case.
///
/// Events have numbers that rise by one, from 1. The log's `epoch` distinguishes numbers of one process from those of another.
public final class EventLog: Sendable {
    private struct State {
        /// Events: number `n` is at index `(n - 1) % capacity`.
        var ring: [RelayEvent] = []
        /// Number of the newest event; 0 before the first.
        var last: UInt64 = 0
        /// Highest number that is not in the ring, because it was overwritten or never recorded.
        var forgotten: UInt64 = 0
        var readers = 0
        /// Number at which recording ends when no reader has come.
        var end: UInt64 = 0
    }

    /// Largest number of events in the ring, at least 1.
    public let capacity: Int
    /// Number that distinguishes this log from those of other processes.
    public let epoch: UInt32
    private let recording = Atomic<Bool>(false)
    private let state = Mutex(State())

    /// Makes a log that does not record yet.
    ///
    /// - Parameters:
    ///   - capacity: largest number of events, at least 1. An event takes about 100 bytes, so the default takes at most about 1 MB.
    ///   - epoch: number that distinguishes this log from those of other processes.
    public init(capacity: Int = 8_192, epoch: UInt32 = .random(in: 1 ... .max)) {
        self.capacity = max(capacity, 1)
        self.epoch = epoch
    }

    /// Whether events are recorded now. Callers can omit the work of finding events while they are not.
    public var isRecording: Bool { self.recording.load(ordering: .relaxed) }

    /// Records an event. It is not even made while the log does not record. Any thread; never blocks for long.
    public func publish(_ event: @autoclosure () -> RelayEvent) {
        guard self.isRecording else { return }
        let event = event()
        self.state.withLock { state in
            // Recording may have ended since the check.
            guard self.isRecording else { return }
            let index = Int(state.last % UInt64(self.capacity))
            assert(index <= state.ring.count && state.ring.count <= self.capacity, "a hole in the ring")
            if index < state.ring.count { state.ring[index] = event } else { state.ring.append(event) }
            state.last += 1
            if state.last - state.forgotten > UInt64(self.capacity) { state.forgotten += 1 }
            assert(state.last - state.forgotten <= UInt64(self.capacity), "more events than the ring has")
            if state.readers == 0, state.last >= state.end { self.stopRecording(&state) }
        }
    }

    /// Ends the recording. Later events are unknown, so no reader may continue across this position.
    private func stopRecording(_ state: inout State) {
        assert(state.readers == 0, "a reader without recording")
        self.recording.store(false, ordering: .relaxed)
        state.ring = []
        // One number is omitted, so that a reader that has read up to `last` sees the gap.
        let capacity = UInt64(self.capacity)
        state.last = (state.last / capacity + 1) * capacity
        state.forgotten = state.last
    }

    // MARK: Reading

    /// Registers a reader; ``removeReader()`` has to follow once.
    ///
    /// - Returns: the number of the newest event; later ones are recorded.
    @discardableResult
    public func addReader() -> UInt64 {
        self.state.withLock { state in
            state.readers += 1
            self.recording.store(true, ordering: .relaxed)
            return state.last
        }
    }

    /// Removes a reader.
    public func removeReader() {
        self.state.withLock { state in
            assert(state.readers > 0, "each reader is removed once")
            state.readers -= 1
            state.end = state.last + UInt64(self.capacity)
        }
    }

    /// Number of readers.
    public var readers: Int { self.state.withLock { $0.readers } }

    /// Number of the newest event; 0 before the first.
    public var last: UInt64 { self.state.withLock { $0.last } }

    /// Reads events, oldest first.
    ///
    /// - Parameters:
    ///   - number: only events after this one.
    ///   - limit: largest number of events.
    public func read(after number: UInt64, limit: Int) -> EventBatch {
        self.state.withLock { state in
            let isMissing = number < state.forgotten || number > state.last
            let first = (isMissing ? state.forgotten : number) + 1
            let end = min(state.last, first - 1 + UInt64(max(limit, 0)))
            guard first <= end else { return EventBatch(events: [], first: first, isMissing: isMissing) }
            assert(first > state.forgotten && end <= state.last)
            let events = (first...end).map { state.ring[Int(($0 - 1) % UInt64(self.capacity))] }
            return EventBatch(events: events, first: first, isMissing: isMissing)
        }
    }
}

/// Events read from an ``EventLog``.
public struct EventBatch: Equatable, Sendable {
    /// Events, oldest first.
    public var events: [RelayEvent]
    /// Number of the first of them; without any, of the next one.
    public var first: UInt64
    /// Whether events between the requested position and the first of these are lost.
    public var isMissing: Bool

    /// Makes a batch.
    public init(events: [RelayEvent], first: UInt64, isMissing: Bool) {
        self.events = events
        self.first = first
        self.isMissing = isMissing
    }
}
