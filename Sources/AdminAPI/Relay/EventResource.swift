/// One event of the relay: the data of a Server-Sent Event. Its type determines its fields.
public struct EventResource: Codable, Equatable, Sendable {
    /// The kind of the event; also the name of the Server-Sent Event.
    public var type: EventType
    /// The time of the event.
    public var at: String
    /// The terminal that the event concerns.
    public var ccid: String?
    /// The connection that the event concerns.
    public var connectionID: String?
    /// Address and port of that connection's peer.
    public var remoteAddress: String?
    /// The reason for which the connection ended or was rejected.
    public var reason: String?
    /// The time of the late terminal's last heartbeat.
    public var lastHeartbeatAt: String?
    /// The time from which the next one is overdue.
    public var dueAt: String?
    /// The message that the event concerns.
    public var messageID: String?
    /// The new state of the message or the store.
    public var state: String?
    /// The problem, and the remedy.
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

    /// Makes an event; its other fields are set afterwards.
    public init(_ type: EventType, at: String) {
        self.type = type
        self.at = at
    }
}

/// The kind of an event.
public enum EventType: String, Codable, CaseIterable, Sendable {
    /// A terminal has registered on a connection.
    case terminalOnline = "terminal_online"
    /// A terminal's connection has ended, and it has no other.
    case terminalOffline = "terminal_offline"
    /// A newer connection has taken a terminal from this one.
    case terminalSuperseded = "terminal_superseded"
    /// The heartbeat of an online terminal is overdue by its own cadence.
    case terminalLate = "terminal_late"
    /// The heartbeat of a late terminal has come.
    case terminalPunctual = "terminal_punctual"
    /// A message has changed its state.
    case message
    /// A connection was closed before it registered a terminal, or because the terminal that it named is blocked.
    case connectionRejected = "connection_rejected"
    /// The store has begun to fail, or takes frames again.
    case store
    /// Events before the next one are missing: the client has to read the state again.
    case gap
    /// The stream ends for a stated reason; the client may connect again.
    case end

    /// Whether the event concerns the stream itself; no filter omits such events.
    public var isOfStream: Bool { self == .gap || self == .end }
}
