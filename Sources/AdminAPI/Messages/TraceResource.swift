/// Whether all messages for a terminal are traced, those of other terminals included.
public struct TraceResource: Codable, Equatable, Sendable {
    /// The terminal.
    public var ccid: String
    /// Whether they are.
    public var tracing: Bool
    /// When it ends by itself; `nil` when it is off.
    @Nullable public var until: String?
    /// Messages after which it ends before that; `nil` when it is off.
    @Nullable public var remainingFrames: Int?
    /// `true` in the answer to a change that is in force, and is on disk only when the disk recovers; else absent.
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

/// The JSON body that has a terminal traced.
public struct TraceRequest: Codable, Equatable, Sendable {
    /// How long, within ``seconds``.
    public var forSeconds: UInt32
    /// Messages at the most, within ``frameCounts``; ``defaultFrames`` when it is not given.
    public var frames: UInt32?

    /// At the most a week: a trace that nobody ends costs the terminal's frames a way through the disk.
    public static let seconds: ClosedRange<UInt32> = 1...604_800
    /// So that one busy terminal does not push all other traces out.
    public static let frameCounts: ClosedRange<UInt32> = 1...100_000
    /// What an operator who looks for a fault reads.
    public static let defaultFrames: UInt32 = 10_000

    enum CodingKeys: String, CodingKey, CaseIterable {
        case forSeconds = "for_seconds"
        case frames
    }

    /// The names of all fields: any other is refused.
    public static let fieldNames = Set(CodingKeys.allCases.map(\.rawValue))

    /// Makes a request.
    public init(forSeconds: UInt32, frames: UInt32? = nil) {
        self.forSeconds = forSeconds
        self.frames = frames
    }
}
