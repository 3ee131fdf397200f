import AdminAPI
import ArgumentParser

/// Shows or changes the relay's log level.
struct SetLogLevel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log-level",
        abstract: "Show the relay's log level, or change it for a time.",
        discussion: "After that time, the configured level is in force again."
    )

    @Argument(help: "The least severe level to log, such as debug.")
    var level: LogLevelName?

    @Option(name: .customLong("for"), help: ArgumentHelp("The duration of the change, such as 90s or 1h.", valueName: "time"))
    var duration = TimeToLive(seconds: 900)

    @Flag(help: "Return to the configured level now.")
    var revert = false

    @OptionGroup var relay: RelayOptions

    func validate() throws {
        if self.revert, self.level != nil { throw ValidationError("Give a level or --revert, not both.") }
        if self.duration.seconds == 0 { throw ValidationError("--for takes 1s or more.") }
    }

    func run() async throws {
        let client = try self.relay.client()
        let path = RoutePath.logLevel.path()
        let level: LogLevelResource
        if let name = self.level {
            let request = SetLogLevelRequest(level: name, forSeconds: self.duration.seconds)
            level = try await client.put(LogLevelResource.self, path, body: request)
        } else if self.revert {
            level = try await client.delete(LogLevelResource.self, path)
        } else {
            level = try await client.get(LogLevelResource.self, path)
        }
        switch self.relay.output {
        case .json: try Console.write(json: level)
        case .table:
            let end = level.revertsAt.map { " until \($0), then \(level.configuredLevel.rawValue)" } ?? ""
            Console.write("the relay logs from \(level.level.rawValue) up\(end)")
        }
    }
}

extension LogLevelName: ExpressibleByArgument {}
