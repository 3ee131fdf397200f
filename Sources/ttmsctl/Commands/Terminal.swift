import AdminAPI
import ArgumentParser
import TTMSProtocol

/// One terminal.
struct Terminal: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Look at one terminal.",
        subcommands: [Show.self],
        defaultSubcommand: Show.self
    )

    /// Everything about one terminal.
    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show everything about one terminal.")

        @Argument(help: .ccid("The terminal"))
        var ccid: CCID

        @OptionGroup var relay: RelayOptions

        func run() async throws {
            let path = RoutePath.terminal.path(self.ccid.description)
            let terminal = try await self.relay.client().get(TerminalResource.self, path)
            switch self.relay.output {
            case .json: try Console.write(json: terminal)
            case .table: for line in Self.lines(terminal) { Console.write(line) }
            }
        }

        static func lines(_ terminal: TerminalResource) -> [String] {
            var fields: [(name: String, value: String)] = [
                ("ccid", terminal.ccid),
                ("state", terminal.state.rawValue + (terminal.since.map { " since \($0)" } ?? "")),
                ("last heartbeat", terminal.lastHeartbeatAt ?? "-"),
                ("last close reason", terminal.lastCloseReason ?? "-"),
            ]
            if let connection = terminal.connection {
                fields += [
                    ("remote address", connection.remoteAddress),
                    ("listener", connection.listener),
                    ("connected", connection.openedAt),
                    ("dialect", connection.dialect ?? "-"),
                    ("unacknowledged", "\(connection.unacknowledgedBytes) bytes"),
                    ("fed from disk", connection.spilled ? "yes: it reads too slowly" : "no"),
                ]
            }
            let counters = terminal.counters
            let oldest = terminal.backlog.oldestAcceptedAt.map { ", oldest accepted \($0)" } ?? ""
            fields += [
                ("backlog", "\(terminal.backlog.frames) frames, \(terminal.backlog.bytes) bytes\(oldest)"),
                ("in flight", "\(terminal.backlog.inFlightFrames) frames"),
                ("heartbeats", "\(counters.heartbeats)"),
                ("received from it", "\(counters.framesReceived) frames, \(counters.bytesReceived) bytes"),
                ("delivered to it", "\(counters.framesDelivered) frames, \(counters.bytesDelivered) bytes"),
                ("queued for it", "\(counters.framesQueued) frames"),
                ("unsound frames", "\(counters.unsoundFrames)"),
                ("connections", "\(counters.connections)"),
            ]
            return Table.fields(fields)
        }
    }
}
