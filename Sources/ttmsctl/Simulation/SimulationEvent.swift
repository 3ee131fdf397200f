import AdminAPI
import Foundation
import TTMSProtocol

/// What a simulated terminal tells of its life: a line for people, or a JSON object for programs.
struct SimulationEvent: Encodable, Equatable, Sendable {
    /// What happened.
    enum Kind: String, Encodable, Sendable {
        case connected
        case heartbeatAnswered = "heartbeat_answered"
        case sent
        case received
        case closed
        case ended
    }

    var event: Kind
    /// When, by this machine's clock.
    var at: String
    /// The other terminal, of `sent` and `received`.
    var ccid: String?
    /// In ``payloadEncoding``.
    var payload: String?
    var payloadEncoding: PayloadEncoding?
    /// What the relay's reply holds.
    var time: UInt32?
    /// More, for people.
    var detail: String?

    enum CodingKeys: String, CodingKey {
        case event, at, ccid, payload, time, detail
        case payloadEncoding = "payload_encoding"
    }

    init(_ event: Kind, ccid: CCID? = nil, payload: [UInt8]? = nil, time: UInt32? = nil, detail: String? = nil) {
        self.event = event
        self.at = APITime.text(milliseconds: Int64(Date().timeIntervalSince1970 * 1_000))
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
