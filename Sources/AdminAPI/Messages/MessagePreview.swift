/// What would become of a message if it were sent now.
public struct MessagePreview: Codable, Equatable, Sendable {
    /// The destination.
    public var ccid: String
    /// The CCID that the destination would see as the sender.
    public var source: String
    /// Whether the destination has a connection.
    public var terminalState: TerminalState
    /// The bytes that the destination would get, in hex digits.
    public var frame: String
    /// How many those are.
    public var frameBytes: Int
    /// Frames kept for the terminal that would go before it.
    public var framesAhead: Int
    /// When it would expire; `nil` when it were kept for ever.
    @Nullable public var expiresAt: String?
    /// The key of the setting because of which it would be refused, or `identifiers` or `eviction`; `nil` when it would be taken.
    @Nullable public var rejection: String?
    /// Why, and what to do, in a sentence or two; `nil` when it would be taken.
    @Nullable public var rejectionDetail: String?
    /// Messages that would be evicted for it.
    public var evictedFrames: Int
    /// The ids of the first 100 of them, in the order in which they would go.
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
