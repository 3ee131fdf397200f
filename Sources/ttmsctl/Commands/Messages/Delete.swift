import AdminAPI
import ArgumentParser
import TTMSProtocol

/// Deletes queued messages.
struct Delete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Delete a queued message, or all that are queued for a terminal.",
        discussion: "Messages in flight are not deleted: they have been written to their terminal."
    )

    @Argument(help: "The message's id, as `messages` lists it.")
    var id: UInt64?

    @Option(help: .ccid("Delete all messages that are queued for this terminal."))
    var all: CCID?

    @OptionGroup var relay: RelayOptions

    func validate() throws {
        guard (self.id == nil) != (self.all == nil) else {
            throw ValidationError("Give the id of one message, or --all and a CCID.")
        }
    }

    func run() async throws {
        let client = try self.relay.client()
        var receipt = DeletionReceipt(deleted: 1)
        if let ccid = self.all {
            receipt = try await client.delete(DeletionReceipt.self, RoutePath.terminalMessages.path(ccid.description))
        } else if let id = self.id {
            let answer = try await client.delete(RoutePath.message.path(String(id)))
            if !answer.isEmpty { receipt = try client.decode(DeletionReceipt.self, answer) }
        }
        switch self.relay.output {
        case .json: try Console.write(json: receipt)
        case .table:
            Console.write(receipt.deleted == 1 ? "1 message deleted" : "\(receipt.deleted) messages deleted")
            if receipt.pending == true {
                Console.write(
                    "The relay's disk fails. The deletion is written after the disk recovers, and undone if the relay ends before."
                )
            }
        }
    }
}
