import TTMSProtocol

/// Size of one terminal's queue in a store.
public struct Backlog: Equatable, Sendable {
    /// Stored frames, with those in flight.
    public var frames: Int
    /// Bytes of these frames.
    public var bytes: Int
    /// Frames that have been read for delivery and are neither removed nor requeued.
    public var inFlightFrames: Int
    /// Time at which the oldest of the frames was accepted; `nil` when there is none.
    public var oldestAcceptedAt: Timestamp?

    /// Makes a backlog; the default is the empty one.
    public init(frames: Int = 0, bytes: Int = 0, inFlightFrames: Int = 0, oldestAcceptedAt: Timestamp? = nil) {
        self.frames = frames
        self.bytes = bytes
        self.inFlightFrames = inFlightFrames
        self.oldestAcceptedAt = oldestAcceptedAt
    }
}

/// Terminal that a store knows, with its backlog.
public struct TerminalBacklog: Equatable, Sendable {
    /// The terminal.
    public let ccid: CCID
    /// Size of its queue.
    public let backlog: Backlog

    /// Pairs a terminal with its backlog.
    public init(ccid: CCID, backlog: Backlog) {
        self.ccid = ccid
        self.backlog = backlog
    }
}
