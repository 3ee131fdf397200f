/// Whether all messages for a terminal are traced, including those of other terminals.
public struct TraceResource: Codable, Equatable, Sendable {
    /// The terminal.
    public var ccid: String
    /// Whether the messages are traced.
    public var tracing: Bool
    /// The time at which tracing ends by itself; `nil` when it is off.
    @Nullable public var until: String?
    /// The number of messages after which it ends earlier; `nil` when it is off.
    @Nullable public var remainingFrames: Int?
    /// `true` in the answer to a change that is in force, but on disk only when the disk recovers; else absent.
    public var pending: Bool?

    enum CodingKeys: String, CodingKey {
        case ccid, tracing, until, pending
        case remainingFrames = "remaining_frames"
    }

    /// Makes a resource.
    public init(ccid: String, tracing: Bool, until: String?, remainingFrames: Int?) {
        self.ccid = ccid
        self.tracing = tracing
        self.until = until
        self.remainingFrames = remainingFrames
    }
}

/// The JSON body that starts tracing of a terminal.
public struct TraceRequest: Codable, Equatable, Sendable {
    /// The duration in seconds, within ``seconds``.
    public var forSeconds: UInt32
    /// The most messages, within ``frameCounts``; ``defaultFrames`` without a value.
    public var frames: UInt32?

    /// At most a week, because a traced terminal's frames are all written to disk.
    public static let seconds: ClosedRange<UInt32> = 1...604_800
    /// Bounded so that one busy terminal does not displace all other traces.
    public static let frameCounts: ClosedRange<UInt32> = 1...100_000
    /// Enough to search for a fault.
    public static let defaultFrames: UInt32 = 10_000

    enum CodingKeys: String, CodingKey, CaseIterable {
        case forSeconds = "for_seconds"
        case frames
    }

    /// The names of all fields; any other is refused.
    public static let fieldNames = Set(CodingKeys.allCases.map(\.rawValue))

    /// Makes a request.
    public init(forSeconds: UInt32, frames: UInt32? = nil) {
        self.forSeconds = forSeconds
        self.frames = frames
    }
}
