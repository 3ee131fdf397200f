/// The effects that a message would have if it were sent now.
public struct MessagePreview: Codable, Equatable, Sendable {
    /// The destination.
    public var ccid: String
    /// The CCID that the destination would see as the sender.
    public var source: String
    /// Whether the destination has a connection.
    public var terminalState: TerminalState
    /// The bytes that the destination would receive, in hex digits.
    public var frame: String
    /// The number of those bytes.
    public var frameBytes: Int
    /// The terminal's stored frames that would be sent before it.
    public var framesAhead: Int
    /// The time at which it would expire; `nil` when it would not.
    @Nullable public var expiresAt: String?
    /// The key of the setting that would refuse it, or `identifiers` or `eviction`; `nil` when it would be accepted.
    @Nullable public var rejection: String?
    /// The reason and the remedy in one or two sentences; `nil` when it would be accepted.
    @Nullable public var rejectionDetail: String?
    /// The number of messages that would be evicted for it.
    public var evictedFrames: Int
    /// The ids of the first 100 of them, in the order of their eviction.
    public var evicted: [String]

    enum CodingKeys: String, CodingKey {
        case ccid, source, frame, rejection, evicted
        case terminalState = "terminal_state"
        case frameBytes = "frame_bytes"
        case framesAhead = "frames_ahead"
        case expiresAt = "expires_at"
        case rejectionDetail = "rejection_detail"
        case evictedFrames = "evicted_frames"
    }

    /// Makes a preview.
    public init(
        ccid: String,
        source: String,
        terminalState: TerminalState,
        frame: String,
        frameBytes: Int,
        framesAhead: Int,
        expiresAt: String?,
        rejection: String?,
        rejectionDetail: String? = nil,
        evictedFrames: Int,
        evicted: [String]
    ) {
        self.ccid = ccid
        self.source = source
        self.terminalState = terminalState
        self.frame = frame
        self.frameBytes = frameBytes
        self.framesAhead = framesAhead
        self.expiresAt = expiresAt
        self.rejection = rejection
        self.rejectionDetail = rejectionDetail
        self.evictedFrames = evictedFrames
        self.evicted = evicted
    }
}
