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
            "payload_encoding": "utf8"}]}, each message also with source, time_to_live_seconds and idempotency_key; at most \
            \(BulkRequest.maximumSendings) sendings. They go to disk together. Ends with 1 when one of them was not taken.
            """
    )

    @Argument(help: ArgumentHelp("The file; - is standard input.", valueName: "file"))
    var file: String

    @OptionGroup var relay: RelayOptions

    func run() async throws {
        let request = try Self.request(in: self.file)
        let receipt = try await self.relay.client().post(BulkReceipt.self, RoutePath.bulk.path(), body: request)
        switch self.relay.output {
        case .json: try Console.write(json: receipt)
        case .table: for line in Self.lines(receipt) { Console.write(line) }
        }
        if receipt.meta.refused > 0 { throw ExitCode(EndStatus.refused.rawValue) }
    }

    private static func request(in file: String) throws(Failure) -> BulkRequest {
        let data: Data
        do {
            let handle = file == "-" ? FileHandle.standardInput : try FileHandle(forReadingFrom: URL(filePath: file))
            data = try handle.readToEnd() ?? Data()
        } catch {
            throw Failure(.noInput, "\(file) cannot be read: \(error.localizedDescription)")
        }
        do {
            return try APIJSON.decode(BulkRequest.self, from: data)
        } catch {
            throw Failure(.noInput, "\(file) does not hold a bulk request (see ttmsctl help send-bulk): \(error)")
        }
    }

    static func lines(_ receipt: BulkReceipt) -> [String] {
        receipt.data.map { sending in
            guard let message = sending.receipt else {
                return "\(sending.message)  \(sending.ccid ?? "-")  refused: \(sending.problem?.detail ?? "")"
            }
            return "\(sending.message)  \(sending.ccid ?? "-")  \(message.id)  \(message.state.rawValue)"
                + (sending.repeated ? " (as before)" : "")
        } + ["\(receipt.meta.taken) taken, \(receipt.meta.refused) refused"]
    }
}
