import AdminAPI
import ArgumentParser
import Foundation
import RelayCore
import RelayStorage
import TTMSProtocol

/// Exports the messages in a store, for programs.
struct StoreExport: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write the messages in the store as JSON, one per line.",
        discussion: """
            The messages for one terminal follow each other in the order of delivery. Unreadable messages are left out and \
            reported on standard error; the exit code is then 1.
            """
    )

    @OptionGroup var store: StoreOptions

    @Option(help: .ccid("Only messages for this terminal."))
    var ccid: CCID?

    func run() async throws {
        var lines = LineBuffer()
        let result = try self.store.inspect { (inspection) throws(Failure) in
            try inspection.messages(of: self.ccid) { (message) throws(Failure) in try lines.write(ExportedMessage(message)) }
        }
        lines.flush()
        guard !result.isSound else { return }
        throw Failure(
            .refused,
            "The store is damaged; the readable messages were written.\n" + result.lines.joined(separator: "\n")
        )
    }
}

/// A message as `store export` writes it.
struct ExportedMessage: Codable, Equatable {
    var id: String
    var destination: String
    var source: String
    var acceptedAt: String
    @Nullable var expiresAt: String?
    /// The payload in base64.
    var payload: String
    /// The message's states in order; `nil` when it is not traced.
    @Nullable var history: [MessageEvent]?

    enum CodingKeys: String, CodingKey {
        case id, destination, source, payload, history
        case acceptedAt = "accepted_at"
        case expiresAt = "expires_at"
    }

    init(_ message: StoredMessage) {
        let source = message.frame.dropFirst(Frame.addressOffset).prefix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        self.id = message.id.description
        self.destination = message.destination.description
        self.source = CCID(rawValue: source).description
        self.acceptedAt = APITime.text(milliseconds: message.acceptedAt.milliseconds)
        self.expiresAt = message.expiresAt.map { APITime.text(milliseconds: $0.milliseconds) }
        self.payload = PayloadEncoding.base64.encode(message.frame.dropFirst(Frame.contentOffset).dropLast()).text
        self.history = message.trace.map { trace in
            trace.history.compactMap { event in
                MessageState(rawValue: event.state.rawValue)
                    .map { MessageEvent(state: $0, at: APITime.text(milliseconds: event.time.milliseconds)) }
            }
        }
    }
}

/// Buffers lines for standard output: a system call per line would take most of the time of a large export.
private struct LineBuffer {
    private static let size = 64 << 10
    private var bytes = Data()

    mutating func write(_ value: some Encodable) throws(Failure) {
        do {
            self.bytes += try APIJSON.encode(value)
        } catch {
            throw Failure(.outputFailed, "A message cannot be written as JSON.")
        }
        self.bytes.append(UInt8(ascii: "\n"))
        if self.bytes.count >= Self.size { self.flush() }
    }

    mutating func flush() {
        Console.write(self.bytes)
        self.bytes.removeAll(keepingCapacity: true)
    }
}
