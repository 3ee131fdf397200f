import AdminAPI
import ArgumentParser

/// Blocks a terminal, an address or a network.
struct Block: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Block a terminal, an address or a network.",
        discussion: """
            Open connections of the target are closed, and new ones are refused. A connection that a blocked terminal shares \
            with others is closed as a whole. Nothing is lost: messages to a blocked terminal are queued.
            """
    )

    @Argument(help: "A CCID (8 hex digits), an IP address, or a network such as 192.0.2.0/24.")
    var target: String

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("The duration, such as 15m or 7d. (default: until it is unblocked)", valueName: "time")
    )
    var duration: TimeToLive?

    @Option(help: "The reason, listed with the block.")
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

/// Removes a block.
struct Unblock: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Remove a block.")

    @Argument(help: "The CCID, address or network, as `blocks` lists it.")
    var target: String

    @OptionGroup var relay: RelayOptions

    func run() async throws {
        try await self.relay.client().delete(RoutePath.block.path(self.target))
        if self.relay.output == .table { Console.write("\(self.target) is no longer blocked") }
    }
}

/// Lists the blocks.
struct Blocks: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List the blocks.")

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
