import Foundation

/// A server that `compare` can start: a program and its arguments.
struct ServerLaunch: Equatable, Sendable {
    var name: String
    var `protocol`: WireProtocol
    var program: String
    /// The arguments, in which `{port}` is replaced by a free port of the loopback, and `{directory}` by the server's own
    /// directory.
    var arguments: [String]
    /// Files by name, written into the directory before the start, with the same replacements.
    var files: [String: String] = [:]
    /// Whether it is a TTMS relay, which publishes its address in its data directory and stores frames.
    var isRelay = false

    /// The relay, on free ports that it chooses itself.
    ///
    /// - Parameter settings: settings as `key=value`.
    static func relay(_ program: String, settings: [String]) -> ServerLaunch {
        let base = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data-dir", "{directory}/data"]
        return ServerLaunch(
            name: "relay",
            protocol: .ttms,
            program: program,
            arguments: base + settings.flatMap { ["--set", $0] },
            isRelay: true
        )
    }

    /// NATS without JetStream, which stores nothing.
    static func nats(_ program: String) -> ServerLaunch {
        ServerLaunch(name: "nats", protocol: .nats, program: program, arguments: ["-a", "127.0.0.1", "-p", "{port}"])
    }

    /// Mosquitto that stores nothing on disk, and drops nothing while it has memory.
    static func mosquitto(_ program: String) -> ServerLaunch {
        ServerLaunch(
            name: "mosquitto",
            protocol: .mqtt,
            program: program,
            arguments: ["-c", "{directory}/mosquitto.conf"],
            files: ["mosquitto.conf": "listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n"]
        )
    }

    /// Reads `name=protocol:program arguments`, without quotes; one of the arguments holds `{port}`.
    init?(argument: String) {
        guard let equals = argument.firstIndex(of: "="), let colon = argument[equals...].firstIndex(of: ":"),
            let wire = WireProtocol(rawValue: String(argument[argument.index(after: equals)..<colon])),
            equals > argument.startIndex
        else { return nil }
        let words = argument[argument.index(after: colon)...].split(separator: " ").map(String.init)
        guard let program = words.first, words.contains(where: { $0.contains("{port}") }) else { return nil }
        self.init(
            name: String(argument[..<equals]),
            protocol: wire,
            program: program,
            arguments: Array(words.dropFirst())
        )
    }

    init(
        name: String,
        protocol: WireProtocol,
        program: String,
        arguments: [String],
        files: [String: String] = [:],
        isRelay: Bool = false
    ) {
        self.name = name
        self.protocol = `protocol`
        self.program = program
        self.arguments = arguments
        self.files = files
        self.isRelay = isRelay
    }

    /// The path of an installed program. Debian installs servers in folders that are not in the PATH of most users.
    static func find(_ program: String, path: String) -> String? {
        (path.split(separator: ":").map(String.init) + ["/usr/sbin", "/usr/local/sbin"])
            .map { $0 + "/" + program }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }
}
