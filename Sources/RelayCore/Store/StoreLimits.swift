/// How much a store keeps, for how long, and what gives way when it is full.
public struct StoreLimits: Equatable, Sendable {
    /// What gives way at a cap.
    public enum Policy: String, CaseIterable, Sendable {
        /// The oldest queued frame is evicted: of the terminal at a terminal's cap, of all terminals at the cap over all.
        case dropOldest = "drop-oldest"
        /// The frame that would pass the cap is not kept.
        case rejectNewest = "reject-newest"
        /// Nothing: senders are not read from while there is no room for what they send (``FullTerminals``). The caps are passed
        /// by what was taken before that was known.
        case pushBack = "push-back"
    }

    /// Which cap a frame ran into.
    public enum Cap: String, CaseIterable, Sendable {
        case terminalFrames = "terminal_frames"
        case terminalBytes = "terminal_bytes"
        case totalFrames = "total_frames"
        case totalBytes = "total_bytes"
        /// Something is kept for as many terminals as may be. It rejects with ``Policy/dropOldest``, too: making room for an unknown
        /// terminal by evicting the oldest frames would let one sender empty all queues by inventing CCIDs.
        case terminals
        /// The store knows as many terminals as it can, or the terminal has used up its sequences (``MessageID``).
        case identifiers
        /// Room had to be made, and the oldest frame, which had to go, could not be read; the log says why.
        case eviction
    }

    /// Frames kept for one terminal at the most.
    public var terminalFrames: Int
    /// Frame bytes kept for one terminal at the most.
    public var terminalBytes: Int
    /// Frames kept in all at the most.
    public var totalFrames: Int
    /// Frame bytes kept in all at the most.
    public var totalBytes: Int
    /// Terminals for which something is kept at the most: each takes some 400 bytes of memory.
    public var terminals: Int
    /// What gives way at a cap.
    public var policy: Policy
    /// Seconds that a frame is kept when nothing else is said for it; 0 keeps it for ever.
    public var timeToLive: UInt32

    /// Seconds that traces are remembered after their messages' end, and the keys under which clients sent after their use.
    public var traceRetention: UInt32 = 24 * 3_600
    /// Messages whose traces are remembered at the most, and as many keys: each takes some 200 bytes of disk, and 16 bytes of
    /// memory, or 200 while its message is kept.
    public var traces: Int = 500_000

    /// Frames whose time is over that one read ends at the most: a reader of a long queue of them reads again.
    package static let expiriesPerRead = 1_000

    /// Makes limits. The defaults hold what a 4 GiB disk can, and a week.
    public init(
        terminalFrames: Int = 1_000_000,
        terminalBytes: Int = 1 << 30,
        totalFrames: Int = 20_000_000,
        totalBytes: Int = 4 << 30,
        terminals: Int = 1_000_000,
        policy: Policy = .dropOldest,
        timeToLive: UInt32 = 7 * 24 * 3_600
    ) {
        self.terminalFrames = terminalFrames
        self.terminalBytes = terminalBytes
        self.totalFrames = totalFrames
        self.totalBytes = totalBytes
        self.terminals = terminals
        self.policy = policy
        self.timeToLive = timeToLive
    }
}
