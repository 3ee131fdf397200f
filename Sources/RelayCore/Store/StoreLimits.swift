/// Limits of a store: its caps, the time to live of its frames, and the policy at a cap.
public struct StoreLimits: Equatable, Sendable {
    /// Policy at a cap.
    public enum Policy: String, CaseIterable, Sendable {
        /// The oldest queued frame is evicted: of the terminal at a terminal's cap, of all terminals at a total cap.
        case dropOldest = "drop-oldest"
        /// The frame that would exceed the cap is rejected.
        case rejectNewest = "reject-newest"
        /// Senders are paused while there is no room for their frames (``FullTerminals``). Frames accepted before the cap was known
        /// to be reached can exceed it.
        case pushBack = "push-back"
    }

    /// Cap that a frame reached.
    public enum Cap: String, CaseIterable, Sendable {
        case terminalFrames = "terminal_frames"
        case terminalBytes = "terminal_bytes"
        case totalFrames = "total_frames"
        case totalBytes = "total_bytes"
        /// The number of terminals with stored frames. It rejects with ``Policy/dropOldest``, too: otherwise one sender could evict
        /// all queues by inventing CCIDs.
        case terminals
        /// The store has no slot left for another terminal, or the terminal has no sequence left (``MessageID``).
        case identifiers
        /// The oldest frame, which had to be evicted, could not be read; the log has the error.
        case eviction
    }

    /// Largest number of stored frames per terminal.
    public var terminalFrames: Int
    /// Largest number of stored frame bytes per terminal.
    public var terminalBytes: Int
    /// Largest number of stored frames in total.
    public var totalFrames: Int
    /// Largest number of stored frame bytes in total.
    public var totalBytes: Int
    /// Largest number of terminals with stored frames; each takes about 400 bytes of memory.
    public var terminals: Int
    /// Policy at a cap.
    public var policy: Policy
    /// Default time to live in seconds; 0 for no end.
    public var timeToLive: UInt32

    /// Seconds for which traces are retained after their messages' end, and idempotency keys after their use.
    public var traceRetention: UInt32 = 24 * 3_600
    /// Largest number of retained traces, and of keys. Each takes about 200 bytes of disk and 16 bytes of memory; 200 bytes while
    /// its message is stored.
    public var traces: Int = 500_000

    /// Largest number of expiries per read. After it, a reader of a queue with more of them reads again.
    package static let expiriesPerRead = 1_000

    /// Makes limits. The defaults suit a disk of 4 GiB and a retention of one week.
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
