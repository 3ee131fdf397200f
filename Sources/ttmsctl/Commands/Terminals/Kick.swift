import AdminAPI
import ArgumentParser
import TTMSProtocol

/// Closes a connection.
struct Kick: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Close a terminal's connection, or any connection.",
        discussion: "The terminal may connect again at once. Nothing is lost: messages in flight are requeued."
    )

    @Argument(help: .ccid("The terminal"))
    var ccid: CCID?

    @Option(help: ArgumentHelp("A connection, by its id, instead of a terminal.", valueName: "id"))
    var connection: UInt64?

    @OptionGroup var relay: RelayOptions

    func validate() throws {
        guard (self.ccid == nil) != (self.connection == nil) else {
            throw ValidationError("Name a terminal, or a connection by --connection.")
        }
    }

    func run() async throws {
        if let ccid = self.ccid {
            try await self.close(RoutePath.terminalConnection.path(ccid.description), "connection of \(ccid) closed")
        } else if let connection = self.connection {
            try await self.close(RoutePath.connection.path("\(connection)"), "connection \(connection) closed")
        }
    }

    private func close(_ path: String, _ confirmation: String) async throws {
        try await self.relay.client().delete(path)
        if self.relay.output == .table { Console.write(confirmation) }
    }
}
