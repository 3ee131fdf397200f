/// The address and the limits of the admin API.
public struct AdminOptions: Equatable, Sendable {
    /// A numeric IPv4 or IPv6 address without brackets, or `localhost`, which is 127.0.0.1. Any address but a loopback one closes
    /// `/metrics` to requests without a token, and belongs behind a proxy that speaks TLS.
    public var host: String
    /// The port, 0...65535; 0 picks a free one.
    public var port: Int
    /// The existing directory of the tokens and all other files of the admin API.
    public var directory: String
    /// The most open connections, at least 1: three eighths for clients with a valid token, the rest for all others. When all of a kind
    /// are in use, a new client takes the place of the one that has been idle longest.
    public var maximumConnections = 2_048
    /// The most clients that follow the events, at least 1. Far fewer than the open connections, so that probes always get one.
    public var maximumEventStreams = 32
    /// The interval of heartbeats to a client that follows the events while none occur, by which each side notices the other's loss.
    public var eventHeartbeat: Duration = .seconds(15)
    /// The largest body, in bytes. The default holds the largest payload in every encoding.
    public var maximumBodyBytes = 1 << 20
    /// Bytes of the audit log on disk, at least 64 KiB; above them its oldest entries are removed.
    public var auditLimit = 64 << 20
    /// The most requests without a valid token from one address within a minute; more are answered 429. Far more than a client with
    /// an old token sends in one request per second.
    public var maximumFailedAttempts = 600
    /// The time in which a client has to send or take the next kilobyte, or to begin a request; whole seconds, at least 1. After it
    /// the client has some more seconds to read the reason.
    public var clientTimeout: Duration = .seconds(30)
    /// The time in which the relay has to carry out one request; after it the client is answered 504.
    public var requestDeadline: Duration = .seconds(30)
    /// The time for which a shutdown waits for requests that have begun, counted from the beginning of the relay's stop.
    public var drainTimeout: Duration = .seconds(2)

    /// Makes options with defaults for all others.
    public init(host: String = "127.0.0.1", port: Int = 7280, directory: String) {
        self.host = host
        self.port = port
        self.directory = directory
    }

    /// The division of ``maximumConnections``.
    var places: AdminPlaces { AdminPlaces(connections: self.maximumConnections) }

    /// The path of one of the files.
    func file(_ name: String) -> String { "\(self.directory)/\(name)" }
}

/// The numbers of clients of each kind that may be connected to the admin API.
struct AdminPlaces: Equatable, Sendable {
    /// For clients without a valid token; any client can take these places, and lose them to a newer one.
    let withoutToken: Int
    /// For clients that have sent a valid token.
    let withToken: Int
    /// For new clients, until the client that they displace has ended.
    static let turnover = 32

    init(connections: Int) {
        let connections = max(connections, 1)
        self.withToken = max(connections * 3 / 8, 1)
        self.withoutToken = max(connections - connections * 3 / 8, 1)
    }

    /// The most connections at one time.
    var all: Int { self.withoutToken + self.withToken + Self.turnover }
}

/// The reason for which the admin API does not start, its meaning, and the remedy.
public struct AdminError: Error, Equatable, Sendable, CustomStringConvertible {
    /// One or two sentences.
    public let description: String

    init(_ description: String) {
        self.description = description
    }
}
