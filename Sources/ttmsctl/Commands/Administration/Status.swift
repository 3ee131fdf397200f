import AdminAPI
import ArgumentParser

/// Shows the relay at a glance.
struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show the relay at a glance.")

    @OptionGroup var relay: RelayOptions

    func run() async throws {
        let status = try await self.relay.client().get(StatusResource.self, RoutePath.status.path())
        switch self.relay.output {
        case .json: try Console.write(json: status)
        case .table: for line in Self.lines(status) { Console.write(line) }
        }
    }

    static func lines(_ status: StatusResource) -> [String] {
        let ledger = status.ledger
        let failing = status.readiness.checks.filter { !$0.passing }.map { "\($0.name): \($0.detail)" }
        return Table.fields([
            ("version", status.version),
            ("ready", status.readiness.ready ? "yes" : "no; " + failing.joined(separator: "; ")),
            ("up", "\(status.uptimeSeconds) s, since \(status.startedAt)"),
            ("listeners", status.listeners.joined(separator: ", ")),
            ("terminals online", "\(status.terminalsOnline), on \(status.connections) connections"),
            ("accepted", "\(ledger.accepted)"),
            ("delivered", "\(ledger.delivered)"),
            ("queued", "\(ledger.queued)"),
            ("in flight", "\(ledger.inFlight)"),
            ("expired", "\(ledger.expired)"),
            ("deleted", "\(ledger.deleted)"),
            ("evicted", "\(ledger.evicted)"),
            ("requeued", "\(ledger.requeued), which may arrive twice"),
            ("imbalance", ledger.imbalance == 0 ? "0" : "\(ledger.imbalance): a fault of the relay, please report it"),
            (
                "queued on disk",
                "\(status.store.frames) frames, \(status.store.bytes) bytes, for \(status.store.terminals) terminals"
            ),
            ("rejected", "\(status.store.rejected)"),
        ])
    }
}
