import RelayCore
import TTMSProtocol

/// The result of a ``StoreInspection``.
public struct InspectionResult: Equatable, Sendable {
    /// A flaw of the store.
    public struct Finding: Equatable, Sendable {
        /// The kind of damage; stable, for programs.
        public enum Kind: String, CaseIterable, Sendable {
            /// Files are missing, changed or unreadable, so their contents are unknown.
            case unreadable
            /// The store ends before a commit that was durable, or this cannot be excluded.
            case lostCommits = "lost_commits"
            /// A record has a form that no release writes, or two records contradict each other.
            case contradiction
            /// The totals do not add up.
            case ledger
            /// A terminal's queue does not hold the frames that are counted for it.
            case count
            /// Frames belong to no queue.
            case stray
            /// A frame has a form that the relay does not forward, or fails its checksum.
            case unsound
            /// A frame's time contradicts that of other frames, or the time at which its queue is searched for expired frames.
            case misdated
            /// A trace contradicts its message's queue.
            case trace
        }

        /// The kind of damage.
        public var kind: Kind
        /// The terminal whose queue is affected, if it is one.
        public var ccid: CCID?
        /// The finding as a sentence.
        public var message: String
    }

    /// The contents of one queue, or of all.
    public struct Content: Equatable, Sendable {
        /// Terminals whose queue has frames.
        public var terminals = 0
        /// Frames in the queues.
        public var frames = 0
        /// Bytes of the frames in the queues.
        public var bytes = 0
    }

    /// The store's last commit.
    public internal(set) var commit: UInt64 = 0
    /// The totals in the store's own ledger.
    public internal(set) var totals = StoreTotals()
    /// The contents that were found, of the inspected terminals.
    public internal(set) var found = Content()
    /// Messages with stored traces, including messages in queues.
    public internal(set) var traces = 0
    /// Stored idempotency keys.
    public internal(set) var keys = 0
    /// Removed frames that still occupy space.
    public internal(set) var deadFrames = 0
    /// The findings; the first ``maximumFindings``.
    public private(set) var findings: [Finding] = []
    /// Further findings, which are only counted.
    public private(set) var omittedFindings = 0

    /// The largest number of findings in a result: more are of no use, and must not fill the memory.
    public static let maximumFindings = 100

    /// Whether the store has no flaw.
    public var isSound: Bool { self.findings.isEmpty }

    init() {}

    /// The result for a store that could not be opened.
    ///
    /// - Returns: `nil` when the error does not mean damage.
    public init?(notOpened error: StoreError) {
        guard error.code == .damaged || error.code == .inputOutput else { return nil }
        self.add(.unreadable, error.message)
    }

    mutating func add(_ kind: Finding.Kind, of ccid: CCID? = nil, _ message: String) {
        guard self.findings.count < Self.maximumFindings else {
            self.omittedFindings += 1
            return
        }
        self.findings.append(Finding(kind: kind, ccid: ccid, message: message))
    }
}
