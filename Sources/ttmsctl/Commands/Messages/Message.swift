import AdminAPI
import ArgumentParser

/// Shows one message.
struct Message: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show one message: its place, its history, and the reason why it waits.",
        subcommands: [Show.self, Why.self],
        defaultSubcommand: Show.self
    )

    /// Shows everything about one message.
    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show everything about one message, with its states and their times.",
            discussion: """
                Messages in the store can be shown. After its end, a message can be shown while its trace is stored: a message \
                of an operator, or one for a terminal that was traced (ttmsctl trace).
                """
        )

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
            let fields = [
                ("id", message.id),
                ("destination", message.ccid),
                ("source", message.source),
                ("state", message.state.rawValue),
                ("attempts", message.attempts.map(String.init) ?? "not traced"),
                ("expires", message.expiresAt ?? "never"),
                ("size", "\(message.payloadBytes) bytes of payload, \(message.frameBytes) in all"),
                ("payload", message.payload == nil ? "no longer stored" : PayloadText.text(message.payloadContent)),
            ]
            return Table.fields(fields + message.history.map { ($0.state.rawValue, $0.at) })
        }
    }

    /// Explains the state of a message.
    struct Why: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Explain the state of a message in a sentence.")

        @Argument(help: "The message's id, as `messages` lists it.")
        var id: UInt64

        @OptionGroup var relay: RelayOptions

        func run() async throws {
            let path = RoutePath.messageWhy.path(String(self.id))
            let explanation = try await self.relay.client().get(MessageExplanation.self, path)
            switch self.relay.output {
            case .json: try Console.write(json: explanation)
            case .table: Console.write(explanation.why)
            }
        }
    }
}
