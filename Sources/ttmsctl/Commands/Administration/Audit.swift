import AdminAPI
import ArgumentParser
import Foundation

/// Who did what.
struct Audit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List what was changed over the admin API and what was denied, the newest first.",
        discussion: "COUNT is above 1 for denials that came in quick succession: those are one entry."
    )

    @Option(help: ArgumentHelp("Only what this token did; its id or its name.", valueName: "token"))
    var token: String?

    @Option(help: ArgumentHelp("Only what ended so.", valueName: "outcome"))
    var outcome: AuditOutcome?

    @Option(
        help: ArgumentHelp(
            "Only from then on: a time such as 2023-11-14T22:13:20Z, or 24h for that long ago.",
            valueName: "time"
        )
    )
    var since: String?

    @Option(help: ArgumentHelp("Entries at the most.", valueName: "number"))
    var limit: Int = 100

    @OptionGroup var relay: RelayOptions

    func validate() throws {
        if self.limit < 1 { throw ValidationError("--limit takes 1 or more.") }
        if let since, Self.time(since, now: .now) == nil {
            throw ValidationError("--since takes a time such as 2023-11-14T22:13:20Z, or one that is so long ago, such as 24h.")
        }
    }

    func run() async throws {
        var query: [String: String] = [:]
        query["token"] = self.token
        query["outcome"] = self.outcome?.rawValue
        query["since"] = self.since.flatMap { Self.time($0, now: .now) }
        let printer = Self.printer(self.relay.output)
        try await self.relay.client().list(RoutePath.audit.path(), query: query, limit: self.limit, to: printer)
    }

    /// The time that `text` means, as the API reads it.
    static func time(_ text: String, now: Date) -> String? {
        if APITime.milliseconds(text) != nil { return text }
        guard let ago = TimeToLive(argument: text) else { return nil }
        let seconds = Int64(now.timeIntervalSince1970) - Int64(ago.seconds)
        return APITime.text(milliseconds: seconds * 1_000)
    }

    /// Anybody may have sent it.
    private static func visible(_ text: String) -> String {
        PayloadText.isVisible(text) ? text : PayloadText.text(text.utf8)
    }

    static func printer(_ format: OutputFormat) -> ListPrinter<AuditResource> {
        ListPrinter(
            format,
            columns: [
                ("AT", .left), ("OUTCOME", .left), ("STATUS", .left), ("TOKEN", .left), ("FROM", .left), ("METHOD", .left),
                ("TARGET", .left), ("COUNT", .right), ("DETAILS", .left),
            ]
        ) { entry in
            [
                entry.at, entry.outcome.rawValue, "\(entry.status)", entry.tokenName ?? "-",
                entry.remoteAddress.isEmpty ? "many" : entry.remoteAddress, entry.method,
                Self.visible(entry.target), "\(entry.count)",
                (entry.details ?? [:]).sorted { $0.key < $1.key }
                    .map { "\($0.key)=\(Self.visible($0.value))" }.joined(separator: "; "),
            ]
        }
    }
}

extension AuditOutcome: ExpressibleByArgument {}
