/// What would become of a frame if it were appended now.
public struct AppendPreview: Equatable, Sendable {
    /// Frames of its terminal that are kept before it, those in flight included and those that it would evict left out.
    public var framesAhead: Int
    /// The messages that it would evict, the first to go first; the first ``maximumListed`` of them.
    public var evicted: [MessageID]
    /// How many those are.
    public var evictedFrames: Int
    /// The cap because of which it would be refused; `nil` when it would be taken.
    public var rejection: StoreLimits.Cap?
    /// Seconds that it would be kept; 0 for ever.
    public var timeToLive: UInt32

    /// A frame can evict thousands of small ones; an operator looks at the first.
    public static let maximumListed = 100
    /// Frames that are walked over at the most to answer one question: some milliseconds.
    public static let maximumWalk = 10_000

    /// Makes a preview.
    public init(
        framesAhead: Int,
        evicted: [MessageID] = [],
        evictedFrames: Int = 0,
        rejection: StoreLimits.Cap? = nil,
        timeToLive: UInt32 = 0
    ) {
        self.framesAhead = framesAhead
        self.evicted = evicted
        self.evictedFrames = evictedFrames
        self.rejection = rejection
        self.timeToLive = timeToLive
    }
}
