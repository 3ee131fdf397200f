import TTMSProtocol

/// What is known of one message over its whole life, its end included, and for some time after it.
///
/// Pure. Times never fall: each is at least the one before, whatever the clock says. A message that comes back to its queue because
/// its connection ended keeps the time at which it was written last.
public struct MessageTrace: Equatable, Sendable {
    /// Where a message is, or what has become of it.
    public enum State: String, CaseIterable, Sendable {
        /// The relay has taken it, and it is not on its way to the disk yet. No kept message stays in this state.
        case accepted
        /// It waits for its terminal, on disk.
        case queued
        /// It has been written to its terminal's connection.
        case inFlight = "in_flight"
        /// Its terminal's kernel has acknowledged it.
        case acknowledged
        /// A heartbeat has come after that on the same connection.
        case confirmed
        /// Its time to live ended while it was queued.
        case expired
        /// An operator deleted it while it was queued.
        case deleted
        /// It was dropped at a cap, as the oldest.
        case evicted

        /// Whether nothing more will become of the message but, perhaps, that it is confirmed.
        public var isEnd: Bool {
            switch self {
            case .accepted, .queued, .inFlight: false
            case .acknowledged, .confirmed, .expired, .deleted, .evicted: true
            }
        }

        /// Whether it ended without delivery.
        public var isDropped: Bool { self == .expired || self == .deleted || self == .evicted }
    }

    /// The message.
    public let id: MessageID
    /// The terminal that it is for.
    public let destination: CCID
    /// The CCID that the destination sees as the sender.
    public let source: CCID
    /// Bytes of its frame.
    public let frameBytes: Int
    /// When the relay took it.
    public let acceptedAt: Timestamp
    /// When its time to live is over; `nil` when it is kept for ever.
    public let expiresAt: Timestamp?
    /// Where it is now.
    public private(set) var state = State.accepted
    /// When it went to disk.
    public private(set) var queuedAt: Timestamp?
    /// When it was written to a connection last.
    public private(set) var writtenAt: Timestamp?
    /// How often it was written to a connection.
    public private(set) var attempts: UInt32 = 0
    /// When it came back to its queue last, because a connection ended or the relay started.
    public private(set) var requeuedAt: Timestamp?
    /// When its terminal's kernel was found to have acknowledged it.
    public private(set) var acknowledgedAt: Timestamp?
    /// When a heartbeat came after that on the same connection.
    public private(set) var confirmedAt: Timestamp?
    /// When it expired, or was deleted or evicted.
    public private(set) var droppedAt: Timestamp?

    /// Begins the trace of a message that the relay has just taken.
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

    /// The time of the latest of all that has happened.
    public var changedAt: Timestamp {
        let times = [
            self.queuedAt, self.writtenAt, self.requeuedAt, self.acknowledgedAt, self.confirmedAt, self.droppedAt,
        ]
        return times.compactMap(\.self).reduce(self.acceptedAt, max)
    }

    /// When it came to its end; `nil` while it is kept.
    public var endedAt: Timestamp? { self.acknowledgedAt ?? self.droppedAt }

    // MARK: What happens

    /// It goes to disk.
    package mutating func queued(at time: Timestamp) {
        self.queuedAt = self.next(time)
        self.state = .queued
    }

    /// It is written to its terminal's connection.
    package mutating func written(at time: Timestamp) {
        self.writtenAt = self.next(time)
        self.attempts = self.attempts == .max ? .max : self.attempts + 1
        self.state = .inFlight
    }

    /// Its connection ended, or the relay started again.
    package mutating func requeued(at time: Timestamp) {
        self.requeuedAt = self.next(time)
        self.state = .queued
    }

    /// Its terminal has it.
    package mutating func acknowledged(at time: Timestamp) {
        self.acknowledgedAt = self.next(time)
        self.state = .acknowledged
    }

    /// A heartbeat came after the acknowledgement.
    package mutating func confirmed(at time: Timestamp) {
        self.confirmedAt = self.next(time)
        self.state = .confirmed
    }

    /// It ended without delivery, in one of the states `expired`, `deleted` and `evicted`.
    package mutating func dropped(_ state: State, at time: Timestamp) {
        self.droppedAt = self.next(time)
        self.state = state
    }

    private func next(_ time: Timestamp) -> Timestamp { max(time, self.changedAt) }

    // MARK: As it is told

    /// Something that happened to a message.
    public struct Event: Equatable, Sendable {
        /// The state that it brought.
        public var state: State
        /// When.
        public var time: Timestamp

        /// Makes an event.
        public init(_ state: State, at time: Timestamp) {
            self.state = state
            self.time = time
        }
    }

    /// What happened, in order. A message that was written several times tells of the last only, and of the coming back before it or
    /// after it.
    public var history: [Event] {
        var events = [Event(.accepted, at: self.acceptedAt)]
        if let time = self.queuedAt { events.append(Event(.queued, at: time)) }
        var delivery: [Event] = []
        if let time = self.writtenAt { delivery.append(Event(.inFlight, at: time)) }
        if let time = self.requeuedAt {
            // Both at the same time: it was written and came back, unless it is in flight now or has arrived.
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
    /// A trace as a store has written it; `nil` when its parts exclude each other.
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
    /// The same trace on another clock.
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

    /// Begins the trace of the message that `frame` is.
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
    /// How a message has ended that is counted at `end`.
    package init(countedAt end: WritableKeyPath<StoreTotals, UInt64>) {
        switch end {
        case \.expired: self = .expired
        case \.deleted: self = .deleted
        case \.evicted: self = .evicted
        default: self = .acknowledged
        }
    }
}
