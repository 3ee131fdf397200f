import Foundation

/// A server that `compare` can start: a program, and how it is told where to listen.
struct ServerLaunch: Equatable, Sendable {
    var name: String
    var `protocol`: WireProtocol
    var program: String
    /// `{port}` and `{directory}` are replaced: a free port of the loopback, and a directory of its own.
    var arguments: [String]
    /// Written into its directory before it starts, with the same replacements, by name.
    var files: [String: String] = [:]
    /// Whether it is a relay of ours, which says in its data directory where it listens, and keeps frames.
    var isRelay = false

    /// The relay, on ports that it picks itself.
    ///
    /// - Parameter settings: each `key=value`.
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

    /// NATS without JetStream: nothing is kept.
    static func nats(_ program: String) -> ServerLaunch {
        ServerLaunch(name: "nats", protocol: .nats, program: program, arguments: ["-a", "127.0.0.1", "-p", "{port}"])
    }

    /// Mosquitto that keeps nothing on disk, and drops nothing before its memory ends.
    static func mosquitto(_ program: String) -> ServerLaunch {
        ServerLaunch(
            name: "mosquitto",
            protocol: .mqtt,
            program: program,
            arguments: ["-c", "{directory}/mosquitto.conf"],
            files: ["mosquitto.conf": "listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n"]
        )
    }

    /// Another one: `name=protocol:program arguments`, without quotes; one of the arguments holds `{port}`.
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

    /// Where an installed program is. Debian puts servers where the PATH of most users does not lead.
    static func find(_ program: String, path: String) -> String? {
        (path.split(separator: ":").map(String.init) + ["/usr/sbin", "/usr/local/sbin"])
            .map { $0 + "/" + program }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }
}
