/// One event of the relay: the data of a Server-Sent Event. Which fields it has, its type says.
public struct EventResource: Codable, Equatable, Sendable {
    /// What happened; also the name of the Server-Sent Event.
    public var type: EventType
    /// When.
    public var at: String
    /// The terminal that it is about.
    public var ccid: String?
    /// The connection that it is about.
    public var connectionID: String?
    /// Address and port of that connection's peer.
    public var remoteAddress: String?
    /// Why the connection ended, or was rejected.
    public var reason: String?
    /// When the late terminal's last heartbeat came.
    public var lastHeartbeatAt: String?
    /// When the next one was overdue.
    public var dueAt: String?
    /// The message that it is about.
    public var messageID: String?
    /// The state into which the message, or the store, has come.
    public var state: String?
    /// What is the matter, and what to do.
    public var detail: String?

    /// The fields.
    public enum CodingKeys: String, CodingKey, CaseIterable {
        case type, at, ccid, reason, state, detail
        case connectionID = "connection_id"
        case remoteAddress = "remote_address"
        case lastHeartbeatAt = "last_heartbeat_at"
        case dueAt = "due_at"
        case messageID = "message_id"
    }

    /// Makes an event; what else it has is set afterwards.
    public init(_ type: EventType, at: String) {
        self.type = type
        self.at = at
    }
}

/// What an event is about.
public enum EventType: String, Codable, CaseIterable, Sendable {
    /// A terminal has registered on a connection.
    case terminalOnline = "terminal_online"
    /// A terminal's connection has ended, and it has no other.
    case terminalOffline = "terminal_offline"
    /// A newer connection has taken a terminal from this one.
    case terminalSuperseded = "terminal_superseded"
    /// The heartbeat of a terminal that is online is overdue by its own habit.
    case terminalLate = "terminal_late"
    /// The heartbeat of a late terminal has come.
    case terminalPunctual = "terminal_punctual"
    /// A message has come into a state.
    case message
    /// A connection was sent away before it registered a terminal, or because of the terminal that it came to register.
    case connectionRejected = "connection_rejected"
    /// The store has begun to fail, or takes frames again.
    case store
    /// Events are missing before the next one: ask for the state of what matters.
    case gap
    /// The stream ends, and why; the client may connect again.
    case end

    /// Those that tell of the stream itself, and that no filter leaves out.
    public var isOfStream: Bool { self == .gap || self == .end }
}
