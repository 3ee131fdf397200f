import AdminAPI
import ArgumentParser
import TTMSProtocol

/// Shows one terminal.
struct Terminal: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show one terminal.",
        subcommands: [Show.self],
        defaultSubcommand: Show.self
    )

    /// Shows everything about one terminal.
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
                ("cadence", terminal.cadence?.text ?? "not known yet"),
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
                ("rate", "\(terminal.framesPerSecond) frames per second"),
                ("heartbeats", "\(counters.heartbeats)"),
                ("received from it", "\(counters.framesReceived) frames, \(counters.bytesReceived) bytes"),
                ("delivered to it", "\(counters.framesDelivered) frames, \(counters.bytesDelivered) bytes"),
                ("queued for it", "\(counters.framesQueued) frames"),
                ("unsound frames", "\(counters.unsoundFrames)"),
                ("connections", "\(counters.connections)"),
            ]
            return Table.fields(fields) + Self.history(terminal.history ?? [])
        }

        private static func history(_ history: [TerminalResource.PastConnection]) -> [String] {
            guard !history.isEmpty else { return [] }
            var table = Table([
                ("CONNECTION", .right), ("REMOTE ADDRESS", .left), ("REGISTERED", .left), ("ENDED", .left), ("REASON", .left),
                ("RECEIVED", .right), ("DELIVERED", .right),
            ])
            let rows = history.map { past in
                [
                    past.id, past.remoteAddress, past.registeredAt, past.endedAt, past.closeReason,
                    "\(past.counters.framesReceived)", "\(past.counters.framesDelivered)",
                ]
            }
            return ["", "earlier connections, with their frames"] + table.lines(rows)
        }
    }
}

extension TerminalResource.Cadence {
    /// The interval with its deviation, and whether the terminal is late.
    fileprivate var text: String {
        let seconds = { (milliseconds: Int64) in "\(Double(milliseconds) / 1_000) s" }
        let cadence = "every \(seconds(self.intervalMilliseconds)), deviation \(seconds(self.deviationMilliseconds))"
        return self.late ? "\(cadence); late since \(self.dueAt)" : cadence
    }
}
