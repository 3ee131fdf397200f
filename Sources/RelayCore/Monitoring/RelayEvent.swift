import TTMSProtocol

/// Something that happened in the relay and that somebody may want to follow as it happens.
public struct RelayEvent: Equatable, Sendable {
    /// The wall clock's time.
    public var at: Timestamp
    /// The terminal that it is about; `nil` when it is about none.
    public var ccid: CCID?
    /// What happened.
    public var content: Content

    /// Makes an event.
    public init(at: Timestamp, ccid: CCID? = nil, _ content: Content) {
        self.at = at
        self.ccid = ccid
        self.content = content
    }

    /// What can happen.
    public enum Content: Equatable, Sendable {
        /// The terminal's heartbeat registered it on a connection.
        case terminalOnline(connection: UInt64, remoteAddress: String)
        /// Its connection has ended, and it has no other.
        case terminalOffline(connection: UInt64, reason: CloseReason)
        /// A newer connection has taken it from this one.
        case terminalSuperseded(connection: UInt64)
        /// It has a connection, but its heartbeat is overdue by its own habit (``HeartbeatCadence``).
        case terminalLate(lastHeartbeatAt: Timestamp, dueAt: Timestamp)
        /// Its heartbeat has come after it was late.
        case terminalPunctual
        /// One of its messages has come into a state.
        case message(id: MessageID, state: MessageTrace.State)
        /// The relay closed a connection, at once or later, before it had registered a terminal; or because of a terminal that it must
        /// not register, which is then the event's.
        case connectionRejected(connection: UInt64, remoteAddress: String, reason: CloseReason, detail: String? = nil)
        /// Whether the store takes frames has changed.
        case store(StoreHealth)
    }

    /// The kinds of events, by the names that operators filter by.
    public enum Kind: String, CaseIterable, Sendable {
        case terminalOnline = "terminal_online"
        case terminalOffline = "terminal_offline"
        case terminalSuperseded = "terminal_superseded"
        case terminalLate = "terminal_late"
        case terminalPunctual = "terminal_punctual"
        case message
        case connectionRejected = "connection_rejected"
        case store
    }

    /// Which kind it is.
    public var kind: Kind {
        switch self.content {
        case .terminalOnline: .terminalOnline
        case .terminalOffline: .terminalOffline
        case .terminalSuperseded: .terminalSuperseded
        case .terminalLate: .terminalLate
        case .terminalPunctual: .terminalPunctual
        case .message: .message
        case .connectionRejected: .connectionRejected
        case .store: .store
        }
    }
}
