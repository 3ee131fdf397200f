import AdminAPI
import ArgumentParser
import Foundation

/// Lists the audit log.
struct Audit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List the changes made over the admin API and the denied requests, the newest first.",
        discussion: "Denials in quick succession are one entry, whose COUNT is above 1."
    )

    @Option(help: ArgumentHelp("Only requests with this token, given by its id or its name.", valueName: "token"))
    var token: String?

    @Option(help: ArgumentHelp("Only requests with this outcome.", valueName: "outcome"))
    var outcome: AuditOutcome?

    @Option(
        help: ArgumentHelp(
            "Only entries since then: a time such as 2023-11-14T22:13:20Z, or a duration before now, such as 24h.",
            valueName: "time"
        )
    )
    var since: String?

    @Option(help: ArgumentHelp("The largest number of entries.", valueName: "number"))
    var limit: Int = 100

    @OptionGroup var relay: RelayOptions

    func validate() throws {
        if self.limit < 1 { throw ValidationError("--limit takes 1 or more.") }
        if let since, Self.time(since, now: .now) == nil {
            throw ValidationError("--since takes a time such as 2023-11-14T22:13:20Z, or a duration before now, such as 24h.")
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

    /// The time that `text` means, in the form that the API reads.
    static func time(_ text: String, now: Date) -> String? {
        if APITime.milliseconds(text) != nil { return text }
        guard let ago = TimeToLive(argument: text) else { return nil }
        let seconds = Int64(now.timeIntervalSince1970) - Int64(ago.seconds)
        return APITime.text(milliseconds: seconds * 1_000)
    }

    /// Escapes a text that any client may have sent.
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
