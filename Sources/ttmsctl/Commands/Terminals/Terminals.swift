import AdminAPI
import ArgumentParser

/// Lists terminals.
struct Terminals: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List the terminals that are online or known.")

    @Option(help: ArgumentHelp("Only those that are online, or offline.", valueName: "state"))
    var state: TerminalState?

    @Option(help: ArgumentHelp("Only those whose CCID begins with these hex digits.", valueName: "digits"))
    var prefix: String?

    @Flag(inversion: .prefixedNo, help: "Only those that are late by their own cadence, or only those that are not.")
    var late: Bool?

    @Flag(inversion: .prefixedNo, help: "Only those with a backlog, or only those without.")
    var backlog: Bool?

    @Option(help: ArgumentHelp("Only those connected from this IP address, or this network.", valueName: "address"))
    var remoteAddress: String?

    @Option(help: ArgumentHelp("Only those that speak this dialect, such as total.", valueName: "dialect"))
    var dialect: String?

    @Option(help: ArgumentHelp("The value to sort by.", valueName: "value"))
    var sort = TerminalSort.ccid

    @Flag(help: "Sort from the highest to the lowest.")
    var descending = false

    @Option(help: ArgumentHelp("The largest number of terminals. (default: all)", valueName: "number"))
    var limit: Int?

    @OptionGroup var relay: RelayOptions

    func validate() throws {
        if let limit = self.limit, limit < 1 { throw ValidationError("--limit takes 1 or more.") }
    }

    func run() async throws {
        var query: [String: String] = [:]
        query["state"] = self.state?.rawValue
        query["prefix"] = self.prefix
        query["late"] = self.late.map { "\($0)" }
        query["has_backlog"] = self.backlog.map { "\($0)" }
        query["remote_address"] = self.remoteAddress
        query["dialect"] = self.dialect
        query["sort"] = self.sort.rawValue
        if self.descending { query["order"] = SortOrder.descending.rawValue }
        let printer = Self.printer(self.relay.output)
        try await self.relay.client().list(RoutePath.terminals.path(), query: query, limit: self.limit, to: printer)
    }

    static func printer(_ format: OutputFormat) -> ListPrinter<TerminalResource> {
        ListPrinter(
            format,
            columns: [
                ("CCID", .left), ("STATE", .left), ("SINCE", .left), ("REMOTE ADDRESS", .left), ("LAST HEARTBEAT", .left),
                ("LATE", .left), ("FRAMES/S", .right), ("BACKLOG", .right),
            ]
        ) { terminal in
            [
                terminal.ccid, terminal.state.rawValue, terminal.since ?? "-", terminal.connection?.remoteAddress ?? "-",
                terminal.lastHeartbeatAt ?? "-", terminal.cadence.map { $0.late ? "late" : "no" } ?? "-",
                "\(terminal.framesPerSecond)", "\(terminal.backlog.frames)",
            ]
        }
    }
}

extension TerminalState: ExpressibleByArgument {}
extension TerminalSort: ExpressibleByArgument {}
