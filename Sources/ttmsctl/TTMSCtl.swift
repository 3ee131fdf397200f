import ArgumentParser
import RelayCore

/// The operator's command line: asks a running relay over its admin API, simulates terminals over TCP, and looks at the store of a
/// relay that does not run.
@main
struct TTMSCtl: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ttmsctl",
        abstract: "Look at a running ttms-relay, send messages through it, and try it with simulated terminals.",
        discussion: """
            A relay on this machine is found by its data directory (--data-dir, or TTMS_DATA_DIR), one elsewhere by --url. The \
            token is that of --token-file, or else of TTMS_TOKEN, or else of admin.token in the data directory. Proxies that the \
            environment names are not used.

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

    /// Parses and runs, and ends the process with the ``EndStatus`` of what went wrong.
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
            Console.complain(failure.message)
            Self.exit(withError: ExitCode(failure.status.rawValue))
        } catch let code as ExitCode {
            Self.exit(withError: code)
        } catch  where [.success, .validationFailure].contains(Self.exitCode(for: error)) {
            // Help, or a command line that is wrong.
            Self.exit(withError: error)
        } catch {
            Console.complain("It failed for a reason that it does not know, please report it: \(error)")
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
