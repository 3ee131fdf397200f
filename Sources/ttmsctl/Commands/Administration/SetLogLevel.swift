import AdminAPI
import ArgumentParser

/// What the relay logs.
struct SetLogLevel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log-level",
        abstract: "Show what is logged, or change it for a time.",
        discussion: "When the time is up, what is configured is logged again."
    )

    @Argument(help: "Log messages of this level and those above it.")
    var level: LogLevelName?

    @Option(name: .customLong("for"), help: ArgumentHelp("How long, such as 90s or 1h.", valueName: "time"))
    var duration = TimeToLive(seconds: 900)

    @Flag(help: "Log what is configured again, now.")
    var revert = false

    @OptionGroup var relay: RelayOptions

    func validate() throws {
        if self.revert, self.level != nil { throw ValidationError("Give a level, or --revert.") }
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
