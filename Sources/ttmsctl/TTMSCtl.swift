import ArgumentParser
import RelayCore

/// The operator's command line: uses a running relay's admin API, simulates terminals over TCP, and reads the store of a relay
/// that is not running.
@main
struct TTMSCtl: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ttmsctl",
        abstract: "Inspect and operate a ttms-relay, send messages through it, and test it with simulated terminals.",
        discussion: """
            A relay on this machine is found by its data directory (--data-dir, or TTMS_DATA_DIR), a relay elsewhere by --url. \
            The token is read from --token-file, or else from TTMS_TOKEN, or else from admin.token in the data directory. \
            Proxies of the environment are not used.

            EXIT CODES
            \(EndStatus.help)
            """,
        version: "ttmsctl \(Release.version)",
        subcommands: [
            Status.self, Terminals.self, Terminal.self, Connections.self, Events.self, Messages.self, Message.self, Send.self,
            SendBulk.self, Delete.self, Trace.self, Kick.self, Block.self, Unblock.self, Blocks.self, Drain.self, Config.self,
            SetLogLevel.self,
            Token.self, Audit.self, Simulate.self, Store.self,
        ]
    )

    /// Parses and runs the command line. A failure ends the process with its ``EndStatus``.
    static func main() async {
        StandardDescriptors.reserve()
        do {
            try RawArguments.requireUTF8()
            var command = try Self.parsed()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch let failure as Failure {
            Console.writeError(failure.message)
            Self.exit(withError: ExitCode(failure.status.rawValue))
        } catch let code as ExitCode {
            Self.exit(withError: code)
        } catch  where [.success, .validationFailure].contains(Self.exitCode(for: error)) {
            // Help, or a command line that is wrong.
            Self.exit(withError: error)
        } catch {
            Console.writeError("An unexpected error occurred, please report it: \(error)")
            Self.exit(withError: ExitCode(EndStatus.defect.rawValue))
        }
    }

    private static func parsed() throws -> any ParsableCommand {
        do {
            return try Self.parseAsRoot()
        } catch {
            Self.exit(withError: error)
        }
    }
}
