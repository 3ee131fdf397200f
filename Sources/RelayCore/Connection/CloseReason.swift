import TTMSProtocol

/// Close reason of a connection: counted, logged and shown under these names (PROTOCOL.md, 3.6).
public enum CloseReason: String, CaseIterable, Error, Sendable {
    // The peer violated the protocol.
    case badHeader = "bad_header"
    case tooShort = "too_short"
    case tooLong = "too_long"
    case checksumMismatch = "checksum_mismatch"
    case notRegistered = "not_registered"
    case unknownCommand = "unknown_command"
    // The peer was silent for too long.
    case registrationTimeout = "registration_timeout"
    case idleTimeout = "idle_timeout"
    /// The rest of a frame did not arrive in time, or unfinished frames took too much memory and this was among the oldest.
    case unfinishedFrame = "unfinished_frame"
    // A limit.
    case tooManyConnections = "too_many_connections"
    case tooManyCCIDs = "too_many_ccids"
    // A decision outside this connection.
    /// A newer connection registered the last CCID that this one held.
    case superseded
    /// An operator closed it.
    case kicked
    /// An operator's block refuses its address, or a terminal that it registers.
    case blocked
    /// The relay stops.
    case shutdown
    // The connection itself.
    /// The peer closed it (FIN).
    case peerClosed = "peer_closed"
    /// It was reset, or its peer acknowledged nothing for too long.
    case connectionLost = "connection_lost"

    /// Whether the peer violated the protocol. Bytes that it sent afterwards are not read.
    public var isViolation: Bool {
        switch self {
        case .badHeader, .tooShort, .tooLong, .checksumMismatch, .notRegistered, .unknownCommand, .tooManyCCIDs: true
        case .registrationTimeout, .idleTimeout, .unfinishedFrame, .tooManyConnections, .superseded, .kicked, .blocked,
            .shutdown, .peerClosed, .connectionLost:
            false
        }
    }

    /// Makes the reason of a framing violation.
    public init(_ violation: Violation) {
        switch violation {
        case .badHeader: self = .badHeader
        case .tooShort: self = .tooShort
        case .tooLong: self = .tooLong
        case .checksumMismatch: self = .checksumMismatch
        }
    }
}
