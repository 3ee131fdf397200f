/// Where the admin API listens, and what it allows.
public struct AdminOptions: Equatable, Sendable {
    /// A numeric IPv4 or IPv6 address without brackets, or `localhost`, which is 127.0.0.1. Anything that is not a loopback
    /// address closes `/metrics` to requests without the token, and belongs behind a proxy that speaks TLS.
    public var host: String
    /// 0...65535; 0 picks a free one.
    public var port: Int
    /// Where the tokens and all else lie that the admin API keeps; it has to exist.
    public var directory: String
    /// Open connections at the most, at least 1: three eighths for clients with a token, the rest for those that have shown none. When all
    /// are taken, a newcomer gets the place of the client that has been idle for longest.
    public var maximumConnections = 2_048
    /// Clients that may follow the events at the same time, at least 1. Far below the open connections, so that probes always get
    /// one.
    public var maximumEventStreams = 32
    /// How often a client that follows the events hears something although nothing happens: how it, and the relay, notice that the
    /// other one is gone.
    public var eventHeartbeat: Duration = .seconds(15)
    /// The largest body, in bytes. The default holds the largest payload in every encoding.
    public var maximumBodyBytes = 1 << 20
    /// Bytes of the audit log on disk, at least 64 KiB; beyond them its oldest entries go.
    public var auditLimit = 64 << 20
    /// Requests without a token in force that one address may send within a minute; more are answered 429. Far above what a client with
    /// an old token asks that looks every second.
    public var maximumFailedAttempts = 600
    /// How long a client may take for the next kilobyte of a request or an answer, or to begin a request; whole seconds, at least 1.
    /// Clients are told, and have some seconds more.
    public var clientTimeout: Duration = .seconds(30)
    /// How long the relay may take for one request before the client is told so (504).
    public var requestDeadline: Duration = .seconds(30)
    /// How long a shutdown waits for requests that have begun, from the begin of the relay's stop on.
    public var drainTimeout: Duration = .seconds(2)

    /// Makes options with the defaults for everything else.
    public init(host: String = "127.0.0.1", port: Int = 7280, directory: String) {
        self.host = host
        self.port = port
        self.directory = directory
    }

    /// How ``maximumConnections`` is divided.
    var places: AdminPlaces { AdminPlaces(connections: self.maximumConnections) }

    /// The path of one of the files.
    func file(_ name: String) -> String { "\(self.directory)/\(name)" }
}

/// How many clients of each kind may be connected to the admin API.
struct AdminPlaces: Equatable, Sendable {
    /// Those that have shown no token; anybody can take these places, and lose them to the next one.
    let withoutToken: Int
    /// Those that have shown one.
    let withToken: Int
    /// Those that have come and for whom another one is about to go.
    static let turnover = 32

    init(connections: Int) {
        let connections = max(connections, 1)
        self.withToken = max(connections * 3 / 8, 1)
        self.withoutToken = max(connections - connections * 3 / 8, 1)
    }

    /// All that there can be at one time.
    var all: Int { self.withoutToken + self.withToken + Self.turnover }
}

/// Why the admin API does not start: what happened, what it means, what to do.
public struct AdminError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A sentence or two.
    public let description: String

    init(_ description: String) {
        self.description = description
    }
}
