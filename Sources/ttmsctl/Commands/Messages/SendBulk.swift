import AdminAPI
import ArgumentParser
import Foundation

/// Sends many messages in one request.
struct SendBulk: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "send-bulk",
        abstract: "Send many messages at once, or one to many terminals.",
        discussion: """
            FILE holds the request as JSON: {"messages": [{"destinations": ["0000002a", "0000002b"], "payload": "hello", \
            "payload_encoding": "utf8"}]}. Each message may also have source, time_to_live_seconds and idempotency_key. A \
            request has at most \(BulkRequest.maximumSendings) sendings, which are committed together. The exit code is 1 if \
            one of them is refused.
            """
    )

    @Argument(help: ArgumentHelp("The file; - is standard input.", valueName: "file"))
    var file: String

    @OptionGroup var relay: RelayOptions

    /// Bytes of a file at most; the largest request that a relay accepts is smaller.
    private static let largestRequest = 16 << 20

    func run() async throws {
        let receipt = try await self.relay.client().post(
            BulkReceipt.self,
            RoutePath.bulk.path(),
            body: try Self.request(in: self.file),
            mediaType: "application/json"
        )
        switch self.relay.output {
        case .json: try Console.write(json: receipt)
        case .table: for line in Self.lines(receipt) { Console.write(line) }
        }
        if receipt.meta.refused > 0 { throw ExitCode(EndStatus.refused.rawValue) }
    }

    /// Reads the request from the file. Only a file that is no JSON object is refused here: the relay names every flaw with its
    /// place.
    static func request(in path: String) throws(Failure) -> Data {
        let file = InputFile(path: path)
        let data = Data(try file.contentsToSend(limit: Self.largestRequest))
        guard String(validating: data, as: UTF8.self) != nil else {
            throw Failure(
                .badInput,
                "\(file.name) is not UTF-8, and nothing was sent. Write payloads of other bytes in base64 or hex (payload_encoding)."
            )
        }
        guard (try? JSONSerialization.jsonObject(with: data)) is [String: Any] else {
            throw Failure(
                .badInput,
                "\(file.name) does not hold a JSON object, and nothing was sent. See ttmsctl help send-bulk."
            )
        }
        return data
    }

    static func lines(_ receipt: BulkReceipt) -> [String] {
        let repeated = receipt.data.count(where: \.repeated)
        let taken = "\(receipt.meta.taken - repeated) taken"
        return receipt.data.flatMap(Self.lines)
            + [
                taken + (repeated > 0 ? ", \(repeated) taken before and not sent again" : "")
                    + ", \(receipt.meta.refused) refused"
            ]
    }

    private static func lines(_ sending: BulkReceipt.Sending) -> [String] {
        let beginning = "\(sending.message)  \(sending.ccid ?? "-")"
        guard let message = sending.receipt else {
            let flaws = (sending.problem?.errors ?? []).map { "  \($0.pointer): \($0.detail)" }
            return ["\(beginning)  refused: \(sending.problem?.detail ?? "")"] + (flaws.count > 1 ? flaws : [])
        }
        return ["\(beginning)  \(message.id)  \(message.state.rawValue)" + (sending.repeated ? " (as before)" : "")]
    }
}
