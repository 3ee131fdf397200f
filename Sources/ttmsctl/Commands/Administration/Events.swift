import AdminAPI
import ArgumentParser
import Foundation
import TTMSProtocol

/// Follows the relay's events.
struct Events: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Follow the relay's events: terminals, messages, rejected connections, the store.",
        discussion: """
            Prints a line per event until it is interrupted. After a broken connection or a restart of the relay it connects \
            again by itself. The event gap shows that events were missed.
            """
    )

    @Option(
        help: ArgumentHelp("Only events of this type, such as terminal_late. May be given several times.", valueName: "type")
    )
    var type: [EventType] = []

    @Option(help: .ccid("Only events about this terminal. May be given several times."))
    var ccid: [CCID] = []

    @Option(help: ArgumentHelp("End after this number of events. (default: never)", valueName: "number"))
    var count: Int?

    @OptionGroup var relay: RelayOptions

    /// The interval between attempts to connect again.
    private static let retry = Duration.seconds(2)

    func validate() throws {
        if let count = self.count, count < 1 { throw ValidationError("--count takes 1 or more.") }
        if self.type.contains(where: \.isOfStream) {
            throw ValidationError("--type takes neither gap nor end: they are always printed.")
        }
    }

    func run() async throws {
        var query: [String: String] = [:]
        if !self.type.isEmpty { query["types"] = self.type.map(\.rawValue).joined(separator: ",") }
        if !self.ccid.isEmpty { query["ccids"] = self.ccid.map(\.description).joined(separator: ",") }
        let token = try self.relay.givenToken()
        Console.endWithReader()
        var lastID: String?
        var remaining = self.count ?? .max
        var isLost = false
        while true {
            do {
                let events = try await self.relay.client(token: token).events(query: query, after: lastID)
                if isLost { Console.writeError("The relay answers again.") }
                isLost = false
                for try await event in events {
                    lastID = event.id ?? lastID
                    guard let data = event.data else { continue }
                    if self.relay.output == .json { Console.write(raw: data) } else { Console.write(Self.line(data)) }
                    remaining -= 1
                    if remaining == 0 { return }
                }
            } catch let failure as Failure where failure.status == .unavailable && lastID != nil {
                // The relay has answered before, so it may be restarting.
                if !isLost { Console.writeError("\(failure.message) Trying again until it answers.") }
                isLost = true
            }
            try await Task.sleep(for: Self.retry)
        }
    }

    /// An event in one line; its JSON when this ttmsctl cannot read it, such as an event of a newer relay.
    static func line(_ data: String) -> String {
        guard let event = try? APIJSON.decode(EventResource.self, from: Data(data.utf8)) else { return data }
        let facts: [String?] = [
            event.ccid,
            event.messageID.map { "message \($0)" },
            event.state,
            event.connectionID.map { "connection \($0)" },
            event.remoteAddress.map { "from \($0)" },
            event.reason,
            event.lastHeartbeatAt.map { "last heartbeat \($0)" },
            event.dueAt.map { "due \($0)" },
            event.detail,
        ]
        return ([event.at, event.type.rawValue] + facts.compactMap { $0 }).joined(separator: "  ")
    }
}

extension EventType: ExpressibleByArgument {}
