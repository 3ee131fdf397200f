import AdminAPI
import ArgumentParser

/// Terminals online and known.
struct Terminals: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List the terminals that are online or known.")

    @Option(help: ArgumentHelp("Only those that are online, or offline.", valueName: "state"))
    var state: TerminalState?

    @Option(help: ArgumentHelp("Only those whose CCID begins with these hex digits.", valueName: "digits"))
    var prefix: String?

    @Option(help: ArgumentHelp("Terminals at the most. (default: all)", valueName: "number"))
    var limit: Int?

    @OptionGroup var relay: RelayOptions

    func validate() throws {
        if let limit = self.limit, limit < 1 { throw ValidationError("--limit takes 1 or more.") }
    }

    func run() async throws {
        var query: [String: String] = [:]
        query["state"] = self.state?.rawValue
        query["prefix"] = self.prefix
        var printer = Self.printer(self.relay.output)
        try await self.relay.client().list(TerminalResource.self, RoutePath.terminals.path(), query: query, limit: self.limit) {
            (page: [TerminalResource]) throws(Failure) in
            try printer.print(page)
        }
        printer.finish()
    }

    static func printer(_ format: OutputFormat) -> ListPrinter<TerminalResource> {
        ListPrinter(
            format,
            columns: [
                ("CCID", .left), ("STATE", .left), ("SINCE", .left), ("REMOTE ADDRESS", .left), ("LAST HEARTBEAT", .left),
                ("BACKLOG", .right),
            ]
        ) { terminal in
            [
                terminal.ccid, terminal.state.rawValue, terminal.since ?? "-", terminal.connection?.remoteAddress ?? "-",
                terminal.lastHeartbeatAt ?? "-", "\(terminal.backlog.frames)",
            ]
        }
    }
}

extension TerminalState: ExpressibleByArgument {}
