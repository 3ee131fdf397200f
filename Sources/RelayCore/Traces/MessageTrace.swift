import TTMSProtocol

/// Record of one message's states, retained beyond the message's end.
///
/// Pure. Times never fall: each is at least the one before, also when the clock is set back. A requeued message retains the time of
/// its last write.
public struct MessageTrace: Equatable, Sendable {
    /// State of a message.
    public enum State: String, CaseIterable, Sendable {
        /// The relay has accepted it, and it is not appended yet. No stored message stays in this state.
        case accepted
        /// It waits on disk for its terminal.
        case queued
        /// It has been written to its terminal's connection.
        case inFlight = "in_flight"
        /// Its terminal's kernel has acknowledged it.
        case acknowledged
        /// A heartbeat arrived after that on the same connection.
        case confirmed
        /// Its time to live ended while it was queued.
        case expired
        /// An operator deleted it while it was queued.
        case deleted
        /// It was removed at a cap, as the oldest.
        case evicted

        /// Whether the state is final, except that an acknowledged message can be confirmed.
        public var isEnd: Bool {
            switch self {
            case .accepted, .queued, .inFlight: false
            case .acknowledged, .confirmed, .expired, .deleted, .evicted: true
            }
        }

        /// Whether it ended without delivery.
        public var isDropped: Bool { self == .expired || self == .deleted || self == .evicted }
    }

    /// Id of the message.
    public let id: MessageID
    /// Destination of the message.
    public let destination: CCID
    /// CCID that the destination sees as the source.
    public let source: CCID
    /// Size of its frame in bytes.
    public let frameBytes: Int
    /// Time of acceptance.
    public let acceptedAt: Timestamp
    /// End of its time to live; `nil` when it has none.
    public let expiresAt: Timestamp?
    /// Present state.
    public private(set) var state = State.accepted
    /// Time of its append to the store.
    public private(set) var queuedAt: Timestamp?
    /// Time of its last write to a connection.
    public private(set) var writtenAt: Timestamp?
    /// Number of writes to a connection.
    public private(set) var attempts: UInt32 = 0
    /// Time of its last requeue, after the end of a connection or a restart of the relay.
    public private(set) var requeuedAt: Timestamp?
    /// Time at which the relay found it acknowledged.
    public private(set) var acknowledgedAt: Timestamp?
    /// Time of the first heartbeat after that on the same connection.
    public private(set) var confirmedAt: Timestamp?
    /// Time of its expiry, deletion or eviction.
    public private(set) var droppedAt: Timestamp?

    /// Begins the trace of a message that the relay has just accepted.
    public init(
        id: MessageID,
        destination: CCID,
        source: CCID,
        frameBytes: Int,
        acceptedAt: Timestamp,
        expiresAt: Timestamp?
    ) {
        self.id = id
        self.destination = destination
        self.source = source
        self.frameBytes = frameBytes
        self.acceptedAt = acceptedAt
        self.expiresAt = expiresAt
    }

    /// Time of the latest change.
    public var changedAt: Timestamp {
        let times = [
            self.queuedAt, self.writtenAt, self.requeuedAt, self.acknowledgedAt, self.confirmedAt, self.droppedAt,
        ]
        return times.compactMap(\.self).reduce(self.acceptedAt, max)
    }

    /// Time of the acknowledgement, expiry, deletion or eviction; `nil` before.
    public var endedAt: Timestamp? { self.acknowledgedAt ?? self.droppedAt }

    // MARK: Changes

    /// Records the append to the store.
    package mutating func queued(at time: Timestamp) {
        self.queuedAt = self.next(time)
        self.state = .queued
    }

    /// Records a write to the terminal's connection.
    package mutating func written(at time: Timestamp) {
        assert(!self.state.isEnd, "an ended message is not written")
        self.writtenAt = self.next(time)
        self.attempts = self.attempts == .max ? .max : self.attempts + 1
        self.state = .inFlight
    }

    /// Records the end of its connection, or a restart of the relay.
    package mutating func requeued(at time: Timestamp) {
        assert(!self.state.isEnd, "an ended message is not requeued")
        self.requeuedAt = self.next(time)
        self.state = .queued
    }

    /// Records the acknowledgement.
    package mutating func acknowledged(at time: Timestamp) {
        assert(!self.state.isEnd, "one end for each message")
        self.acknowledgedAt = self.next(time)
        self.state = .acknowledged
    }

    /// Records a heartbeat after the acknowledgement.
    package mutating func confirmed(at time: Timestamp) {
        assert(self.state == .acknowledged, "only acknowledged messages are confirmed")
        self.confirmedAt = self.next(time)
        self.state = .confirmed
    }

    /// Records an end without delivery, in one of the states `expired`, `deleted` and `evicted`.
    package mutating func dropped(_ state: State, at time: Timestamp) {
        assert(state.isDropped && !self.state.isEnd, "one end for each message")
        self.droppedAt = self.next(time)
        self.state = state
    }

    private func next(_ time: Timestamp) -> Timestamp { max(time, self.changedAt) }

    // MARK: History

    /// Change of a message's state.
    public struct Event: Equatable, Sendable {
        /// New state.
        public var state: State
        /// Time of the change.
        public var time: Timestamp

        /// Makes an event.
        public init(_ state: State, at time: Timestamp) {
            self.state = state
            self.time = time
        }
    }

    /// Changes in order. Of several writes only the last is recorded, with the requeue before it or after it.
    public var history: [Event] {
        var events = [Event(.accepted, at: self.acceptedAt)]
        if let time = self.queuedAt { events.append(Event(.queued, at: time)) }
        var delivery: [Event] = []
        if let time = self.writtenAt { delivery.append(Event(.inFlight, at: time)) }
        if let time = self.requeuedAt {
            // At equal times the write came first, unless the message is in flight now or was delivered.
            let isLater = time > self.writtenAt ?? time || (time == self.writtenAt && self.state == .queued)
            delivery.insert(Event(.queued, at: time), at: isLater ? delivery.endIndex : delivery.startIndex)
        }
        events += delivery
        if let time = self.acknowledgedAt { events.append(Event(.acknowledged, at: time)) }
        if let time = self.confirmedAt { events.append(Event(.confirmed, at: time)) }
        if let time = self.droppedAt { events.append(Event(self.state, at: time)) }
        return events
    }
}

extension MessageTrace {
    /// Makes a trace from a store's record; `nil` when its parts exclude each other.
    package init?(
        of message: MessageTrace,
        state: State,
        attempts: UInt32,
        times: (
            queued: Timestamp?, written: Timestamp?, requeued: Timestamp?, acknowledged: Timestamp?, confirmed: Timestamp?,
            dropped: Timestamp?
        )
    ) {
        self = message
        self.state = state
        self.attempts = attempts
        self.queuedAt = times.queued
        self.writtenAt = times.written
        self.requeuedAt = times.requeued
        self.acknowledgedAt = times.acknowledged
        self.confirmedAt = times.confirmed
        self.droppedAt = times.dropped
        guard state.isDropped == (times.dropped != nil), (state == .confirmed) == (times.confirmed != nil),
            [.acknowledged, .confirmed].contains(state) == (times.acknowledged != nil)
        else { return nil }
    }
}

extension MessageTrace {
    /// Returns the same trace with times of another clock.
    package func withTimes(_ convert: (Timestamp) -> Timestamp) -> MessageTrace {
        var trace = MessageTrace(
            id: self.id,
            destination: self.destination,
            source: self.source,
            frameBytes: self.frameBytes,
            acceptedAt: convert(self.acceptedAt),
            expiresAt: self.expiresAt.map(convert)
        )
        trace.state = self.state
        trace.attempts = self.attempts
        trace.queuedAt = self.queuedAt.map(convert)
        trace.writtenAt = self.writtenAt.map(convert)
        trace.requeuedAt = self.requeuedAt.map(convert)
        trace.acknowledgedAt = self.acknowledgedAt.map(convert)
        trace.confirmedAt = self.confirmedAt.map(convert)
        trace.droppedAt = self.droppedAt.map(convert)
        return trace
    }

    /// Begins the trace of the message with this frame.
    package init(
        id: MessageID,
        destination: CCID,
        frame: UnsafeRawBufferPointer,
        acceptedAt: Timestamp,
        expiresAt: Timestamp?
    ) {
        var source = CCID(rawValue: 0)
        if frame.count >= Frame.minimumSize, let start = frame.baseAddress {
            source = FrameView(bytes: start, size: frame.count, isSound: true).address
        }
        self.init(
            id: id,
            destination: destination,
            source: source,
            frameBytes: frame.count,
            acceptedAt: acceptedAt,
            expiresAt: expiresAt
        )
    }
}

extension MessageTrace.State {
    /// Makes the final state of messages that are counted at `end`.
    package init(countedAt end: WritableKeyPath<StoreTotals, UInt64>) {
        switch end {
        case \.expired: self = .expired
        case \.deleted: self = .deleted
        case \.evicted: self = .evicted
        default: self = .acknowledged
        }
    }
}
