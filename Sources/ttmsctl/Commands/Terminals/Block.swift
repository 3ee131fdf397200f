import AdminAPI
import ArgumentParser

/// Shuts a terminal or addresses out.
struct Block: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shut out a terminal, an address or a network.",
        discussion: """
            Its connections are closed, and new ones are refused; of a terminal that shares its connection with others, the whole \
            connection. Nothing is lost: what is sent to a blocked terminal is kept for it.
            """
    )

    @Argument(help: "A CCID (8 hex digits), an IP address, or a network such as 192.0.2.0/24.")
    var target: String

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("How long, such as 15m or 7d. (default: until it is unblocked)", valueName: "time")
    )
    var duration: TimeToLive?

    @Option(help: "Why, for whoever finds it later.")
    var reason: String?

    @OptionGroup var relay: RelayOptions

    func run() async throws {
        let seconds = self.duration.flatMap { $0.seconds == 0 ? nil : $0.seconds }
        let request = CreateBlockRequest(target: self.target, forSeconds: seconds, reason: self.reason)
        let block = try await self.relay.client().post(BlockResource.self, RoutePath.blocks.path(), body: request)
        switch self.relay.output {
        case .json: try Console.write(json: block)
        case .table:
            let closed = block.closedConnections ?? 0
            Console.write(
                "\(block.target) is blocked" + (block.expiresAt.map { " until \($0)" } ?? "")
                    + (closed == 1 ? "; 1 connection was closed" : "; \(closed) connections were closed")
            )
        }
    }
}

/// Lets in again who was shut out.
struct Unblock: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Let in again what was blocked.")

    @Argument(help: "The CCID, address or network, as `blocks` lists it.")
    var target: String

    @OptionGroup var relay: RelayOptions

    func run() async throws {
        try await self.relay.client().delete(RoutePath.block.path(self.target))
        if self.relay.output == .table { Console.write("\(self.target) is not blocked any more") }
    }
}

/// Lists who is shut out.
struct Blocks: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List what is blocked.")

    @OptionGroup var relay: RelayOptions

    func run() async throws {
        let printer = ListPrinter<BlockResource>(
            self.relay.output,
            columns: [("TARGET", .left), ("KIND", .left), ("SINCE", .left), ("UNTIL", .left), ("BY", .left), ("REASON", .left)]
        ) { block in
            let reason = block.reason
            return [
                block.target, block.kind.rawValue, block.createdAt, block.expiresAt ?? "unblocked", block.createdBy,
                PayloadText.isVisible(reason) ? reason : PayloadText.text(reason.utf8),
            ]
        }
        try await self.relay.client().list(RoutePath.blocks.path(), to: printer)
    }
}
