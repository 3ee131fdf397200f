import TTMSProtocol

/// Published change of a terminal, a connection, a message or the store.
public struct RelayEvent: Equatable, Sendable {
    /// Time by the wall clock.
    public var at: Timestamp
    /// Terminal that it concerns; `nil` when it concerns none.
    public var ccid: CCID?
    /// Content of the event.
    public var content: Content

    /// Makes an event.
    public init(at: Timestamp, ccid: CCID? = nil, _ content: Content) {
        self.at = at
        self.ccid = ccid
        self.content = content
    }

    /// Contents of events.
    public enum Content: Equatable, Sendable {
        /// The terminal's heartbeat registered it on a connection.
        case terminalOnline(connection: UInt64, remoteAddress: String)
        /// Its connection has ended, and it has no other one.
        case terminalOffline(connection: UInt64, reason: CloseReason)
        /// A newer connection has taken it over from this one.
        case terminalSuperseded(connection: UInt64)
        /// It has a connection, but its heartbeat is overdue by its cadence (``HeartbeatCadence``).
        case terminalLate(lastHeartbeatAt: Timestamp, dueAt: Timestamp)
        /// Its heartbeat has arrived after it was late.
        case terminalPunctual
        /// One of its messages has changed its state.
        case message(id: MessageID, state: MessageTrace.State)
        /// The relay closed a connection before it had registered a terminal, or because of a terminal that it must not register.
        /// In the second case the event has that terminal.
        case connectionRejected(connection: UInt64, remoteAddress: String, reason: CloseReason, detail: String? = nil)
        /// The health of the store has changed.
        case store(StoreHealth)
    }

    /// Kinds of events, by the names in operators' filters.
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

    /// Kind of the event.
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
