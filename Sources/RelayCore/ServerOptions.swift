import NIOCore
import TTMSProtocol

/// How the relay treats its terminals: what `ttms-relayd` makes of its configuration for the relay path.
public struct ServerOptions: Equatable, Sendable {
    /// Where terminals connect; at least one.
    public var listeners: [ListenerOptions]
    /// Threads that serve them, 1...64.
    public var eventLoops: Int = 1
    /// Open connections at the most; the next one is closed at once (`too_many_connections`).
    public var maximumConnections: Int = 100_000
    /// Connections for which there are open files, at least 1; `nil` when that is not known. The lower one of both limits holds.
    public var connectionsWithFiles: Int?
    /// What goes for each connection.
    public var session = SessionOptions()
    /// How dead connections are found.
    public var tcp = TCPOptions()
    /// How much memory a terminal's outbound frames may take.
    public var outbound = OutboundOptions()
    /// When a frame that is not delivered goes to disk, although its terminal is online (G4).
    public var journal = JournalOptions.after(.milliseconds(10))
    /// Bytes of memory that unfinished frames may take on all connections; beyond it the oldest of them end their connections.
    public var maximumUnfinishedBytes = 64 << 20
    /// Terminals without connection and backlog that are remembered at the most, for the operator's lists.
    public var maximumOfflineTerminals: Int = 100_000

    /// Makes options with the defaults for everything but the listeners.
    public init(listeners: [ListenerOptions]) {
        self.listeners = listeners
    }
}

/// One address that terminals connect to.
public struct ListenerOptions: Equatable, Sendable {
    /// An IPv4 or IPv6 address without brackets; IPv6 listeners take IPv6 only.
    public var host: String
    /// 0...65535; 0 picks a free one.
    public var port: Int
    /// Forced on its connections; `nil` to learn it from their first frame.
    public var dialect: LengthDialect?

    /// What counts as delivered on its connections.
    public var confirm: Confirmation
    /// Whether a heartbeat is answered only when all that its connection sent before is delivered or on disk (G5).
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

/// What counts as delivered (G3).
public enum Confirmation: String, CaseIterable, Sendable {
    /// The destination's kernel has acknowledged the frame's last byte.
    case acknowledged
    /// That, and a heartbeat has come after it on the same connection.
    case heartbeat
}

/// When a frame that is not delivered goes to disk, although its terminal is online (G4).
public enum JournalOptions: Equatable, Sendable {
    /// This long after it was read; 0 before it is forwarded.
    case after(TimeAmount)
    /// Never: a crash loses what is in flight.
    case off
}

/// What goes for each connection.
public struct SessionOptions: Equatable, Sendable {
    /// What to do with a frame whose command is neither heartbeat nor data.
    public enum UnknownCommand: String, CaseIterable, Sendable {
        /// Close the connection (`unknown_command`), as the original did.
        case close
        /// Ignore the frame, and count it.
        case ignore
    }

    /// In `marker`, how long more bytes are awaited when a burst ends without a sound frame; above 0.
    public var quietTime: TimeAmount = .milliseconds(50)
    /// Bytes, 17...65535.
    public var maximumFrameSize = Frame.maximumSize
    /// The unit of the time in heartbeat replies.
    public var heartbeatTime = HeartbeatTime.seconds
    /// What to do with a frame of another command.
    public var unknownCommand = UnknownCommand.close
    /// CCIDs that one connection may register (PROTOCOL.md, 3.4), at least 1.
    public var maximumCCIDs = 64
    /// How long a connection may stay without its first heartbeat; 0 for ever.
    public var registrationTimeout: TimeAmount = .seconds(10)
    /// How long a frame of a registered connection may take from its first byte to its last; 0 for ever.
    public var frameTimeout: TimeAmount = .seconds(60)
    /// How long a registered connection may be silent; 0 for ever.
    public var idleTimeout: TimeAmount = .zero

    /// Makes the defaults.
    public init() {}
}

/// How TCP finds connections whose peer is gone, and how much it takes for them.
public struct TCPOptions: Equatable, Sendable {
    /// Silence before the first keepalive probe, whole seconds; 0 switches keepalive off.
    public var keepaliveIdle: TimeAmount = .seconds(60)
    /// Between probes, whole seconds.
    public var keepaliveInterval: TimeAmount = .seconds(15)
    /// Probes without an answer until the connection is lost.
    public var keepaliveProbes = 4
    /// How long written bytes may stay unacknowledged (`TCP_USER_TIMEOUT`); 0 leaves it to the kernel, some 15 minutes.
    public var userTimeout: TimeAmount = .seconds(60)
    /// Bytes that the kernel may hold for one connection (`SO_SNDBUF`); 0 leaves it to the kernel, which then holds up to 4 MiB by
    /// default. What it holds is uncertain until it is acknowledged, and comes again when the connection dies (G9).
    public var sendBuffer = 256 << 10
    /// Of these, bytes that are not sent yet (`TCP_NOTSENT_LOWAT`); 0 leaves it to the kernel: all. More waits here, where it goes to disk
    /// for a terminal that is too slow, and can be withdrawn from a connection that has lost its terminal.
    public var unsentLimit = 64 << 10

    /// Makes the defaults.
    public init() {}
}

/// How much memory a terminal's outbound frames may take before it is fed from disk.
public struct OutboundOptions: Equatable, Sendable {
    /// Bytes written but not acknowledged above which new frames go to disk.
    public var highWatermark = 1 << 20
    /// Bytes below which frames are read from disk again.
    public var lowWatermark = 256 << 10
    /// Bytes of frames that one read from disk brings.
    public var readSize = 128 << 10
    /// What frames may take in memory (``AppendBatch/cost``) that were submitted to the store and are not durable yet; above it their
    /// senders are not read from. It is also what one group commit can have to do: more would make everybody's receipts late.
    public var storeHighWatermark = 8 << 20

    /// Makes the defaults.
    public init() {}
}
