import AdminAPI
import ArgumentParser
import TTMSProtocol

/// What is kept for one terminal, or remembered of it.
struct Messages: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List the messages that are kept for a terminal, the oldest first, or those that have ended.",
        discussion: "Ended messages are those from operators, and those that came while the terminal was traced."
    )

    @Argument(help: .ccid("The terminal"))
    var ccid: CCID

    @Option(help: ArgumentHelp("Only those in this state; ended ones are shown only by theirs.", valueName: "state"))
    var state: AdminAPI.MessageState?

    @Option(help: ArgumentHelp("Messages at the most. (default: all)", valueName: "number"))
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
    /// The payload's own bytes; none when it is not kept, or a newer relay writes it in a way that is not known here.
    var payloadContent: [UInt8] {
        guard let payload = self.payload, let encoding = self.payloadEncoding else { return [] }
        return encoding.decode(payload) ?? []
    }

    /// As much of the payload as fits into a line beside the other columns; a dash when it is not kept any more.
    fileprivate var excerpt: String { self.payload == nil ? "-" : PayloadText.excerpt(self.payloadContent, width: 40) }
}
