import AdminAPI
import Foundation
import RelayCore
import TTMSProtocol

/// One event of a simulated terminal, printed as a line for people or as a JSON object for programs.
struct SimulationEvent: Encodable, Equatable, Sendable {
    enum Kind: String, Encodable, Sendable {
        case connected
        case heartbeatAnswered = "heartbeat_answered"
        case sent
        case received
        case closed
        case ended
    }

    var event: Kind
    /// The time, by this machine's clock.
    var at: String
    /// The other terminal, of `sent` and `received`.
    var ccid: String?
    /// The payload, in ``payloadEncoding``.
    var payload: String?
    var payloadEncoding: PayloadEncoding?
    /// The relay's time in its heartbeat reply.
    var time: UInt32?
    /// Further text for people.
    var detail: String?

    enum CodingKeys: String, CodingKey {
        case event, at, ccid, payload, time, detail
        case payloadEncoding = "payload_encoding"
    }

    init(_ event: Kind, ccid: CCID? = nil, payload: [UInt8]? = nil, time: UInt32? = nil, detail: String? = nil) {
        self.event = event
        self.at = APITime.text(milliseconds: Timestamp.now.milliseconds)
        self.ccid = ccid?.description
        if let payload {
            let written = PayloadEncoding.utf8.encode(payload)
            self.payload = written.text
            self.payloadEncoding = written.encoding
        }
        self.time = time
        self.detail = detail
    }

    /// A line for people.
    var line: String {
        let payload = self.payloadEncoding.flatMap { $0.decode(self.payload ?? "") }.map(PayloadText.text) ?? ""
        let subject = self.ccid ?? "-"
        let text =
            switch self.event {
            case .connected: "connected to \(self.detail ?? "-")"
            case .heartbeatAnswered: "heartbeat answered, the relay's time is \(self.time ?? 0)"
            case .sent: "to \(subject)  \(payload)"
            case .received: "from \(subject)  \(payload)"
            case .closed: "closed by the relay: \(self.detail ?? "-")"
            case .ended: "ended: \(self.detail ?? "-")"
            }
        return "\(self.at)  \(text)"
    }

    /// Prints the event.
    func print(_ format: OutputFormat) throws(Failure) {
        switch format {
        case .table: Console.write(self.line)
        case .json: try Console.write(json: self)
        }
    }
}
