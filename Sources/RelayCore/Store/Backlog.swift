import TTMSProtocol

/// What a store keeps for one terminal.
public struct Backlog: Equatable, Sendable {
    /// Frames kept, those in flight included.
    public var frames: Int
    /// Their bytes.
    public var bytes: Int
    /// How many of the frames have been read for delivery, and are neither removed nor rewound.
    public var inFlightFrames: Int
    /// When the relay took the oldest of them.
    public var oldestAcceptedAt: Timestamp?

    /// Makes a backlog; the default is the empty one.
    public init(frames: Int = 0, bytes: Int = 0, inFlightFrames: Int = 0, oldestAcceptedAt: Timestamp? = nil) {
        self.frames = frames
        self.bytes = bytes
        self.inFlightFrames = inFlightFrames
        self.oldestAcceptedAt = oldestAcceptedAt
    }
}

/// A terminal that a store knows, and what it keeps for it.
public struct TerminalBacklog: Equatable, Sendable {
    /// The terminal.
    public let ccid: CCID
    /// What is kept for it.
    public let backlog: Backlog

    /// Pairs a terminal with its backlog.
    public init(ccid: CCID, backlog: Backlog) {
        self.ccid = ccid
        self.backlog = backlog
    }
}
