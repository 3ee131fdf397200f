import ArgumentParser
import Foundation

/// The operator's command line: asks a running relay over its admin API, simulates terminals over TCP, and looks at the store of a
/// relay that does not run.
@main
struct TTMSCtl: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ttmsctl",
        abstract: "Look at a running ttms-relay, send messages through it, and try it with simulated terminals.",
        discussion: """
            A relay on this machine is found by its data directory (--data-dir), one elsewhere by --url and a token.

            EXIT CODES
            \(EndStatus.help)
            """,
        subcommands: [
            Status.self, Terminals.self, Terminal.self, Connections.self, Events.self, Messages.self, Message.self, Send.self,
            SendBulk.self, Delete.self, Trace.self, Kick.self, Block.self, Unblock.self, Blocks.self, Drain.self, Config.self,
            SetLogLevel.self,
            Token.self, Audit.self, Simulate.self, Store.self,
        ]
    )

    /// Parses and runs, and ends the process with the ``EndStatus`` of what went wrong.
    static func main() async {
        do {
            var command = try Self.parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch let failure as Failure {
            FileHandle.standardError.write(Data("ttmsctl: \(failure.message)\n".utf8))
            Self.exit(withError: ExitCode(failure.status.rawValue))
        } catch {
            Self.exit(withError: error)
        }
    }
}
