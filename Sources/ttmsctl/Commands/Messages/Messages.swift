import AdminAPI
import ArgumentParser
import TTMSProtocol

/// Lists the messages for one terminal.
struct Messages: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List the messages stored for a terminal, the oldest first, or those that have ended.",
        discussion:
            "Ended messages are listed if an operator sent them, or if they arrived during a trace of the terminal."
    )

    @Argument(help: .ccid("The terminal"))
    var ccid: CCID

    @Option(help: ArgumentHelp("Only messages in this state; ended ones are listed only by theirs.", valueName: "state"))
    var state: AdminAPI.MessageState?

    @Option(help: ArgumentHelp("The largest number of messages. (default: all)", valueName: "number"))
    var limit: Int?

    @OptionGroup var relay: RelayOptions

    func validate() throws {
        if let limit = self.limit, limit < 1 { throw ValidationError("--limit takes 1 or more.") }
    }

    func run() async throws {
        try await self.relay.client().list(
            RoutePath.terminalMessages.path(self.ccid.description),
            query: self.state.map { ["state": $0.rawValue] } ?? [:],
            limit: self.limit,
            to: Self.printer(self.relay.output)
        )
    }

    static func printer(_ format: OutputFormat) -> ListPrinter<MessageResource> {
        ListPrinter(
            format,
            columns: [
                ("ID", .left), ("SOURCE", .left), ("STATE", .left), ("ACCEPTED", .left), ("EXPIRES", .left), ("BYTES", .right),
                ("PAYLOAD", .left),
            ]
        ) { message in
            [
                message.id, message.source, message.state.rawValue, message.acceptedAt, message.expiresAt ?? "never",
                "\(message.payloadBytes)", message.excerpt,
            ]
        }
    }
}

extension AdminAPI.MessageState: ExpressibleByArgument {}

extension MessageResource {
    /// The payload's bytes; none when it is no longer stored, or when a newer relay writes it in an unknown encoding.
    var payloadContent: [UInt8] {
        guard let payload = self.payload, let encoding = self.payloadEncoding else { return [] }
        return encoding.decode(payload) ?? []
    }

    /// The beginning of the payload, short enough for a column; a dash when the payload is no longer stored.
    fileprivate var excerpt: String { self.payload == nil ? "-" : PayloadText.excerpt(self.payloadContent, width: 40) }
}
