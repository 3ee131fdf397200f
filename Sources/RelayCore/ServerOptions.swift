import NIOCore
import TTMSProtocol

/// Options of the relay path, which `ttms-relayd` makes from its configuration.
public struct ServerOptions: Equatable, Sendable {
    /// Listeners, at least one.
    public var listeners: [ListenerOptions]
    /// Number of event loops, 1...64.
    public var eventLoops: Int = 1
    /// Largest number of open connections; the next one is closed at once (`too_many_connections`).
    public var maximumConnections: Int = 100_000
    /// Number of connections for which the process may open files, at least 1; `nil` when it is unknown. The lower limit applies.
    public var connectionsWithFiles: Int?
    /// Options of each connection.
    public var session = SessionOptions()
    /// Detection of dead connections, and the kernel's buffers.
    public var tcp = TCPOptions()
    /// Limits of the memory for a terminal's outbound frames.
    public var outbound = OutboundOptions()
    /// Time after which an undelivered frame is journaled although its terminal is online (G4).
    public var journal = JournalOptions.after(.milliseconds(10))
    /// Largest number of bytes of unfinished frames on all connections. Beyond it, the connections with the oldest ones are closed.
    public var maximumUnfinishedBytes = 64 << 20
    /// Largest number of remembered terminals without connection and backlog, for operators' lists.
    public var maximumOfflineTerminals: Int = 100_000

    /// Makes options with defaults for everything except the listeners.
    public init(listeners: [ListenerOptions]) {
        self.listeners = listeners
    }
}

/// Options of one address on which terminals are accepted.
public struct ListenerOptions: Equatable, Sendable {
    /// IPv4 or IPv6 address without brackets; IPv6 listeners accept IPv6 only.
    public var host: String
    /// Port, 0...65535; 0 selects a free one.
    public var port: Int
    /// Dialect of its connections; `nil` to learn it from their first frame.
    public var dialect: LengthDialect?

    /// Condition for delivery on its connections.
    public var confirm: Confirmation
    /// Whether a heartbeat reply waits until all earlier frames of its connection are delivered or on disk (G5).
    public var givesReceipts: Bool

    /// Makes options for one address.
    public init(
        host: String,
        port: Int,
        dialect: LengthDialect? = nil,
        confirm: Confirmation = .acknowledged,
        givesReceipts: Bool = true
    ) {
        self.host = host
        self.port = port
        self.dialect = dialect
        self.confirm = confirm
        self.givesReceipts = givesReceipts
    }
}

/// Condition for delivery (G3).
public enum Confirmation: String, CaseIterable, Sendable {
    /// The destination's kernel has acknowledged the frame's last byte.
    case acknowledged
    /// That, and a heartbeat has arrived after it on the same connection.
    case heartbeat
}

/// Time after which an undelivered frame is journaled although its terminal is online (G4).
public enum JournalOptions: Equatable, Sendable {
    /// After this time since it was read; with 0, before it is forwarded.
    case after(TimeAmount)
    /// Never: a crash loses what is in flight.
    case off
}

/// Options of each connection.
public struct SessionOptions: Equatable, Sendable {
    /// Action on a frame whose command is neither heartbeat nor data.
    public enum UnknownCommand: String, CaseIterable, Sendable {
        /// Close the connection (`unknown_command`), as the original did.
        case close
        /// Ignore the frame, and count it.
        case ignore
    }

    /// Time for which more bytes are awaited, in the dialect `marker`, when a burst ends without a sound frame; above 0.
    public var quietTime: TimeAmount = .milliseconds(50)
    /// Size of the largest accepted frame in bytes, 17...65535.
    public var maximumFrameSize = Frame.maximumSize
    /// Unit of the time in heartbeat replies.
    public var heartbeatTime = HeartbeatTime.seconds
    /// Action on a frame of another command.
    public var unknownCommand = UnknownCommand.close
    /// Largest number of CCIDs that one connection may register (PROTOCOL.md, 3.4), at least 1.
    public var maximumCCIDs = 64
    /// Time in which a connection has to send its first heartbeat; 0 for no limit.
    public var registrationTimeout: TimeAmount = .seconds(10)
    /// Time from the first byte to the last of a frame on a registered connection; 0 for no limit.
    public var frameTimeout: TimeAmount = .seconds(60)
    /// Time for which a registered connection may be silent; 0 for no limit.
    public var idleTimeout: TimeAmount = .zero

    /// Makes the defaults.
    public init() {}
}

/// TCP options: detection of dead peers, and sizes of the kernel's buffers.
public struct TCPOptions: Equatable, Sendable {
    /// Silence before the first keepalive probe, in whole seconds; 0 switches keepalive off.
    public var keepaliveIdle: TimeAmount = .seconds(60)
    /// Time between probes, in whole seconds.
    public var keepaliveInterval: TimeAmount = .seconds(15)
    /// Number of unanswered probes after which the connection is lost.
    public var keepaliveProbes = 4
    /// Time for which written bytes may stay unacknowledged (`TCP_USER_TIMEOUT`); 0 for the kernel's limit, about 15 minutes.
    public var userTimeout: TimeAmount = .seconds(60)
    /// Bytes that the kernel may buffer for one connection (`SO_SNDBUF`); 0 for the kernel's own limit, by default 4 MiB. Buffered
    /// bytes may arrive twice when the connection breaks (G9).
    public var sendBuffer = 256 << 10
    /// Of these, bytes that are not sent yet (`TCP_NOTSENT_LOWAT`); 0 for no such limit. Further bytes stay in the relay, where
    /// they can be spilled for a slow terminal, or withdrawn after a takeover.
    public var unsentLimit = 64 << 10

    /// Makes the defaults.
    public init() {}
}

/// Limits of the memory for a terminal's outbound frames, before it is fed from the store.
public struct OutboundOptions: Equatable, Sendable {
    /// Unacknowledged bytes above which new frames go to the store.
    public var highWatermark = 1 << 20
    /// Unacknowledged bytes below which frames are read from the store again.
    public var lowWatermark = 256 << 10
    /// Largest number of frame bytes per read from the store.
    public var readSize = 128 << 10
    /// Memory (``AppendBatch/cost``) of submitted frames that are not durable yet, above which their senders are paused. It also
    /// bounds the work of one group commit, and thereby the delay of receipts.
    public var storeHighWatermark = 8 << 20

    /// Makes the defaults.
    public init() {}
}
