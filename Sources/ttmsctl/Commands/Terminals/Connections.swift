import AdminAPI
import ArgumentParser
import TTMSProtocol

/// Lists connections.
struct Connections: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List connections, open and ended.",
        discussion:
            "The relay records the latest connections that have ended or were refused, with their close reasons."
    )

    @Option(help: ArgumentHelp("Only those that are open, or closed.", valueName: "state"))
    var state: ConnectionState?

    @Option(help: .ccid("Only those of this terminal"))
    var ccid: CCID?

    @Option(help: ArgumentHelp("Only those from this IP address, or this network.", valueName: "address"))
    var remoteAddress: String?

    @Option(help: ArgumentHelp("Only those that speak this dialect, such as total.", valueName: "dialect"))
    var dialect: String?

    @Option(help: ArgumentHelp("Only those that ended for this reason, such as idle_timeout.", valueName: "reason"))
    var reason: String?

    @Option(help: ArgumentHelp("The value to sort by.", valueName: "value"))
    var sort = ConnectionSort.id

    @Flag(help: "Sort from the highest to the lowest.")
    var descending = false

    @Option(help: ArgumentHelp("The largest number of connections. (default: all)", valueName: "number"))
    var limit: Int?

    @OptionGroup var relay: RelayOptions

    func validate() throws {
        if let limit = self.limit, limit < 1 { throw ValidationError("--limit takes 1 or more.") }
    }

    func run() async throws {
        var query = ["sort": self.sort.rawValue]
        query["state"] = self.state?.rawValue
        query["ccid"] = self.ccid?.description
        query["remote_address"] = self.remoteAddress
        query["dialect"] = self.dialect
        query["reason"] = self.reason
        if self.descending { query["order"] = SortOrder.descending.rawValue }
        let printer = Self.printer(self.relay.output)
        try await self.relay.client().list(RoutePath.connections.path(), query: query, limit: self.limit, to: printer)
    }

    static func printer(_ format: OutputFormat) -> ListPrinter<ConnectionResource> {
        ListPrinter(
            format,
            columns: [
                ("ID", .right), ("REMOTE ADDRESS", .left), ("TERMINALS", .left), ("DIALECT", .left), ("OPENED", .left),
                ("ENDED", .left), ("REASON", .left), ("RECEIVED", .right), ("DELIVERED", .right),
            ]
        ) { connection in
            [
                connection.id, connection.remoteAddress, connection.terminals, connection.dialect ?? "-", connection.openedAt,
                connection.closedAt ?? "-", connection.closeReason ?? "-", "\(connection.counters.framesReceived)",
                "\(connection.counters.framesDelivered)",
            ]
        }
    }
}

extension ConnectionResource {
    /// The first terminal, and the number of further ones.
    fileprivate var terminals: String {
        guard let first = self.ccids.first else { return "-" }
        return self.ccidCount > 1 ? "\(first) and \(self.ccidCount - 1) more" : first
    }
}

extension ConnectionState: ExpressibleByArgument {}
extension ConnectionSort: ExpressibleByArgument {}
