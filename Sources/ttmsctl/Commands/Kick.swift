import AdminAPI
import ArgumentParser
import TTMSProtocol

/// Closes a terminal's connection.
struct Kick: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Close a terminal's connection.",
        discussion: "The terminal may connect again at once. Nothing is lost: what it has not acknowledged is kept for it."
    )

    @Argument(help: .ccid("The terminal"))
    var ccid: CCID

    @OptionGroup var relay: RelayOptions

    func run() async throws {
        try await self.relay.client().delete(RoutePath.terminalConnection.path(self.ccid.description))
        if self.relay.output == .table { Console.write("connection of \(self.ccid) closed") }
    }
}
