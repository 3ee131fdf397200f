/// Result that an append would have now.
public struct AppendPreview: Equatable, Sendable {
    /// Stored frames of its terminal before it, with those in flight and without those that it would evict.
    public var framesAhead: Int
    /// Messages that it would evict, in the order of eviction; at most ``maximumListed`` of them.
    public var evicted: [MessageID]
    /// Number of all messages that it would evict.
    public var evictedFrames: Int
    /// Cap that would reject it; `nil` when it would be accepted.
    public var rejection: StoreLimits.Cap?
    /// Time to live in seconds; 0 for no end.
    public var timeToLive: UInt32

    /// Largest number of listed messages. One frame can evict thousands of small ones.
    public static let maximumListed = 100
    /// Largest number of frames that one preview visits, which takes some milliseconds.
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
