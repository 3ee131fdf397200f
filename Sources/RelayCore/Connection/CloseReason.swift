import TTMSProtocol

/// Why a connection ended: counted, logged and shown under these names (PROTOCOL.md, 3.6).
public enum CloseReason: String, CaseIterable, Error, Sendable {
    // The peer broke the protocol.
    case badHeader = "bad_header"
    case tooShort = "too_short"
    case tooLong = "too_long"
    case checksumMismatch = "checksum_mismatch"
    case notRegistered = "not_registered"
    case unknownCommand = "unknown_command"
    // The peer was silent for too long.
    case registrationTimeout = "registration_timeout"
    case idleTimeout = "idle_timeout"
    /// The rest of a frame did not come in time, or unfinished frames took too much memory, of which this was among the oldest.
    case unfinishedFrame = "unfinished_frame"
    // A limit.
    case tooManyConnections = "too_many_connections"
    case tooManyCCIDs = "too_many_ccids"
    // Somebody else's decision.
    /// A newer connection registered the last CCID that this one held.
    case superseded
    /// An operator closed it.
    case kicked
    /// An operator has shut out its address, or a terminal that it registers.
    case blocked
    /// The relay stops.
    case shutdown
    // The connection itself.
    /// The peer closed it (FIN).
    case peerClosed = "peer_closed"
    /// It broke: reset, or nothing acknowledged for too long.
    case connectionLost = "connection_lost"

    /// Whether the peer broke the protocol: it may have sent more, which nobody will read.
    public var isViolation: Bool {
        switch self {
        case .badHeader, .tooShort, .tooLong, .checksumMismatch, .notRegistered, .unknownCommand, .tooManyCCIDs: true
        case .registrationTimeout, .idleTimeout, .unfinishedFrame, .tooManyConnections, .superseded, .kicked, .blocked,
            .shutdown, .peerClosed, .connectionLost:
            false
        }
    }

    /// The reason that goes with a violation of framing.
    public init(_ violation: Violation) {
        switch violation {
        case .badHeader: self = .badHeader
        case .tooShort: self = .tooShort
        case .tooLong: self = .tooLong
        case .checksumMismatch: self = .checksumMismatch
        }
    }
}
