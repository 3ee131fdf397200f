import AdminAPI
import ArgumentParser

/// One kept message.
struct Message: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Look at one kept message.",
        subcommands: [Show.self],
        defaultSubcommand: Show.self
    )

    /// Everything about one message.
    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show everything about one kept message.")

        @Argument(help: "The message's id, as `messages` lists it.")
        var id: UInt64

        @OptionGroup var relay: RelayOptions

        func run() async throws {
            let message = try await self.relay.client().get(MessageResource.self, RoutePath.message.path(String(self.id)))
            switch self.relay.output {
            case .json: try Console.write(json: message)
            case .table: for line in Self.lines(message) { Console.write(line) }
            }
        }

        static func lines(_ message: MessageResource) -> [String] {
            Table.fields([
                ("id", message.id),
                ("destination", message.ccid),
                ("source", message.source),
                ("state", message.state.rawValue),
                ("accepted", message.acceptedAt),
                ("expires", message.expiresAt ?? "never"),
                ("size", "\(message.payloadBytes) bytes of payload, \(message.frameBytes) in all"),
                ("payload", PayloadText.text(message.payloadContent)),
            ])
        }
    }
}
