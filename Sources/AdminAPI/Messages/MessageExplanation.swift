/// Why a message is where it is.
public struct MessageExplanation: Codable, Equatable, Sendable {
    /// The message's id.
    public var id: String
    /// The destination.
    public var ccid: String
    /// Where the message is.
    public var state: MessageState
    /// The answer in plain words, for people: one sentence, made of the facts.
    public var why: String
    /// What it is made of, for programs.
    public var facts: Facts

    /// What is known of the message and of its terminal.
    public struct Facts: Codable, Equatable, Sendable {
        /// Whether the destination has a connection.
        public var terminalState: TerminalState
        /// Since when; `nil` when it was not seen since the relay started.
        @Nullable public var terminalSince: String?
        /// When its last heartbeat came; `nil` when none came since the relay started.
        @Nullable public var lastHeartbeatAt: String?
        /// How often its heartbeats come; `nil` before that is known.
        @Nullable public var cadence: TerminalResource.Cadence?
        /// Why its last connection ended; `nil` when none did since the relay started.
        @Nullable public var lastCloseReason: String?
        /// What keeps the terminal out: a block of it, or of the address that it came from last; `nil` when nothing does.
        @Nullable public var block: BlockResource?
        /// Bytes that its connection has not acknowledged; `nil` when it has none.
        @Nullable public var unacknowledgedBytes: Int?
        /// Frames kept for it before this one; `nil` when the message is not kept any more.
        @Nullable public var framesAhead: Int?
        /// How often the message was written to a connection; `nil` when it is not traced.
        @Nullable public var attempts: Int?
        /// When the relay took it.
        public var acceptedAt: String
        /// When its time to live is over; `nil` when it is kept for ever.
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
