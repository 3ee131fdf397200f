/// The reason of a message's state.
public struct MessageExplanation: Codable, Equatable, Sendable {
    /// The message's id.
    public var id: String
    /// The destination.
    public var ccid: String
    /// The state of the message.
    public var state: MessageState
    /// The reason in one plain sentence for people, made from the facts.
    public var why: String
    /// The facts for programs.
    public var facts: Facts

    /// The known facts of the message and of its terminal.
    public struct Facts: Codable, Equatable, Sendable {
        /// Whether the destination has a connection.
        public var terminalState: TerminalState
        /// The time of the last change of that; `nil` when it was not seen since the relay started.
        @Nullable public var terminalSince: String?
        /// The time of its last heartbeat; `nil` when none came since the relay started.
        @Nullable public var lastHeartbeatAt: String?
        /// The interval of its heartbeats; `nil` before it is known.
        @Nullable public var cadence: TerminalResource.Cadence?
        /// The close reason of its last connection; `nil` when none ended since the relay started.
        @Nullable public var lastCloseReason: String?
        /// The block of the terminal, or of its last address; `nil` when there is none.
        @Nullable public var block: BlockResource?
        /// Bytes that its connection has not acknowledged; `nil` when it has none.
        @Nullable public var unacknowledgedBytes: Int?
        /// Stored frames before this one; `nil` when the message is no longer stored.
        @Nullable public var framesAhead: Int?
        /// The number of times that the message was written to a connection; `nil` when it is not traced.
        @Nullable public var attempts: Int?
        /// The time at which the relay accepted it.
        public var acceptedAt: String
        /// The end of its time to live; `nil` when it has none.
        @Nullable public var expiresAt: String?

        enum CodingKeys: String, CodingKey {
            case attempts, cadence, block
            case terminalState = "terminal_state"
            case terminalSince = "terminal_since"
            case lastHeartbeatAt = "last_heartbeat_at"
            case lastCloseReason = "last_close_reason"
            case unacknowledgedBytes = "unacknowledged_bytes"
            case framesAhead = "frames_ahead"
            case acceptedAt = "accepted_at"
            case expiresAt = "expires_at"
        }

        /// Makes facts.
        public init(
            terminalState: TerminalState,
            terminalSince: String?,
            lastHeartbeatAt: String?,
            cadence: TerminalResource.Cadence?,
            lastCloseReason: String?,
            block: BlockResource?,
            unacknowledgedBytes: Int?,
            framesAhead: Int?,
            attempts: Int?,
            acceptedAt: String,
            expiresAt: String?
        ) {
            self.terminalState = terminalState
            self.terminalSince = terminalSince
            self.lastHeartbeatAt = lastHeartbeatAt
            self.cadence = cadence
            self.lastCloseReason = lastCloseReason
            self.block = block
            self.unacknowledgedBytes = unacknowledgedBytes
            self.framesAhead = framesAhead
            self.attempts = attempts
            self.acceptedAt = acceptedAt
            self.expiresAt = expiresAt
        }
    }

    /// Makes an explanation.
    public init(id: String, ccid: String, state: MessageState, why: String, facts: Facts) {
        self.id = id
        self.ccid = ccid
        self.state = state
        self.why = why
        self.facts = facts
    }
}
