import RelayCore
import TTMSProtocol

/// What a ``StoreInspection`` has come to.
public struct InspectionResult: Equatable, Sendable {
    /// Something that a sound store does not have.
    public struct Finding: Equatable, Sendable {
        /// What kind of damage it is; stable, for programs.
        public enum Kind: String, CaseIterable, Sendable {
            /// Files are missing, changed or unreadable, so that what they hold is unknown.
            case unreadable
            /// The store ends before a commit that was on disk once, or cannot be shown not to.
            case lostCommits = "lost_commits"
            /// A record is none that a release writes, or two records exclude each other.
            case contradiction
            /// The totals do not add up.
            case ledger
            /// A terminal's queue holds more or less than is counted for it.
            case count
            /// Frames lie where no queue is.
            case stray
            /// A frame is none that the relay forwards, or fails its checksum.
            case unsound
            /// A frame's time does not fit those around it, or the time at which its queue is looked at for expired frames.
            case misdated
            /// A trace says of a message what its queue contradicts.
            case trace
        }

        /// What kind of damage it is.
        public var kind: Kind
        /// The terminal whose queue it concerns, where it is one.
        public var ccid: CCID?
        /// A sentence: what was found.
        public var message: String
    }

    /// What a queue, or all of them, hold.
    public struct Content: Equatable, Sendable {
        /// Terminals for which frames are kept.
        public var terminals = 0
        /// Frames kept.
        public var frames = 0
        /// Their bytes.
        public var bytes = 0
    }

    /// The store's last commit.
    public internal(set) var commit: UInt64 = 0
    /// What the store's own ledger says.
    public internal(set) var totals = StoreTotals()
    /// What was really found, of the terminals that were looked at.
    public internal(set) var found = Content()
    /// Messages whose traces are remembered, those that are kept included.
    public internal(set) var traces = 0
    /// Keys under which clients sent that are remembered.
    public internal(set) var keys = 0
    /// Frames that are not kept any more and still take room.
    public internal(set) var deadFrames = 0
    /// What is wrong; the first ``maximumFindings``.
    public private(set) var findings: [Finding] = []
    /// Further findings, which are only counted.
    public private(set) var omittedFindings = 0

    /// What is wrong with a store is clear long before; its description must not fill the memory.
    public static let maximumFindings = 100

    /// Whether nothing is wrong.
    public var isSound: Bool { self.findings.isEmpty }

    init() {}

    /// The result where a store could not even be opened.
    ///
    /// - Returns: `nil` when that does not mean damage.
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
