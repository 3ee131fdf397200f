import Synchronization

/// The latest events, for those who follow them: a ring that anyone may publish to, from any thread.
///
/// Nobody waits for anybody. A publisher puts its event into the ring, over the oldest one when it is full; readers come and look,
/// each from its own place, and hear that they missed something when that place has been overwritten.
///
/// Publishing costs one relaxed load while the log does not record, and it records only while it has readers and for one more turn
/// of the ring after that: a reader that comes back within it has missed nothing, and one that comes later would find its place
/// overwritten anyway.
///
/// Events have numbers that rise by one, from 1. The log's `epoch` tells numbers of one process from those of another.
public final class EventLog: Sendable {
    private struct State {
        /// Event `n` lies at `(n - 1) % capacity`.
        var ring: [RelayEvent] = []
        /// The number of the newest event; 0 before the first.
        var last: UInt64 = 0
        /// What is not in the ring any more, or was never recorded: everything up to and including this number.
        var forgotten: UInt64 = 0
        var readers = 0
        /// The number with which recording ends when no reader comes until then.
        var end: UInt64 = 0
    }

    /// Events that are kept at the most, at least 1.
    public let capacity: Int
    /// Names this log among those of other processes.
    public let epoch: UInt32
    private let recording = Atomic<Bool>(false)
    private let state = Mutex(State())

    /// Makes a log that does not record yet.
    ///
    /// - Parameters:
    ///   - capacity: events that are kept at the most, at least 1. An event takes some 100 bytes: the default is at most 1 MB.
    ///   - epoch: names this log among those of other processes.
    public init(capacity: Int = 8_192, epoch: UInt32 = .random(in: 1 ... .max)) {
        self.capacity = max(capacity, 1)
        self.epoch = epoch
    }

    /// Whether events are recorded now: what it takes to find out that there is one can be left undone while they are not.
    public var isRecording: Bool { self.recording.load(ordering: .relaxed) }

    /// Records an event, which is not even made while the log does not record. Any thread; never blocks for long.
    public func publish(_ event: @autoclosure () -> RelayEvent) {
        guard self.isRecording else { return }
        let event = event()
        self.state.withLock { state in
            // Recording may have ended since.
            guard self.isRecording else { return }
            let index = Int(state.last % UInt64(self.capacity))
            if index < state.ring.count { state.ring[index] = event } else { state.ring.append(event) }
            state.last += 1
            if state.last - state.forgotten > UInt64(self.capacity) { state.forgotten += 1 }
            if state.readers == 0, state.last >= state.end { self.stopRecording(&state) }
        }
    }

    /// From here on it is not known what happened, so no reader may go on across this place.
    private func stopRecording(_ state: inout State) {
        self.recording.store(false, ordering: .relaxed)
        state.ring = []
        // One number is left out: who has read up to `last` has missed what is not recorded.
        let capacity = UInt64(self.capacity)
        state.last = (state.last / capacity + 1) * capacity
        state.forgotten = state.last
    }

    // MARK: Reading

    /// Somebody begins to read; ``removeReader()`` has to follow once.
    ///
    /// - Returns: the number of the newest event: what comes after it is recorded.
    @discardableResult
    public func addReader() -> UInt64 {
        self.state.withLock { state in
            state.readers += 1
            self.recording.store(true, ordering: .relaxed)
            return state.last
        }
    }

    /// Somebody has ended to read.
    public func removeReader() {
        self.state.withLock { state in
            state.readers -= 1
            state.end = state.last + UInt64(self.capacity)
        }
    }

    /// How many read.
    public var readers: Int { self.state.withLock { $0.readers } }

    /// The number of the newest event; 0 before the first.
    public var last: UInt64 { self.state.withLock { $0.last } }

    /// Reads events, oldest first.
    ///
    /// - Parameters:
    ///   - number: only events after this one.
    ///   - limit: events at the most.
    public func read(after number: UInt64, limit: Int) -> EventBatch {
        self.state.withLock { state in
            let isMissing = number < state.forgotten || number > state.last
            let first = (isMissing ? state.forgotten : number) + 1
            let end = min(state.last, first - 1 + UInt64(max(limit, 0)))
            guard first <= end else { return EventBatch(events: [], first: first, isMissing: isMissing) }
            let events = (first...end).map { state.ring[Int(($0 - 1) % UInt64(self.capacity))] }
            return EventBatch(events: events, first: first, isMissing: isMissing)
        }
    }
}

/// Events read from an ``EventLog``.
public struct EventBatch: Equatable, Sendable {
    /// The events, oldest first.
    public var events: [RelayEvent]
    /// The number of the first of them; without any, of the one that comes next.
    public var first: UInt64
    /// Whether events between the place that was asked for and the first of these are not known (any more).
    public var isMissing: Bool

    /// Makes a batch.
    public init(events: [RelayEvent], first: UInt64, isMissing: Bool) {
        self.events = events
        self.first = first
        self.isMissing = isMissing
    }
}
