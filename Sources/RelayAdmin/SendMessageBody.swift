import AdminAPI
import RelayCore
import TTMSProtocol

/// Reads the JSON body that sends a message, and says of a wrong one which field is wrong and why.
enum SendMessageBody {
    /// What the destination sees as the sender when the request names none.
    static let defaultSource = CCID(rawValue: 0)

    /// - Throws: ``ProblemDetails``.
    static func parse(_ body: [UInt8], to destination: CCID) throws(ProblemDetails) -> Injection {
        let shape = ModelBody.Shape(fields: SendMessageRequest.fieldNames, expectation: self.expectation)
        let request = try ModelBody.decode(SendMessageRequest.self, from: body, as: shape)
        var flaws: [ProblemDetails.Flaw] = []
        let source = self.source(request.source)
        if source == nil { flaws.append(ModelBody.flaw("source", detail: self.ccidExpectation)) }
        let payload = request.payloadEncoding.decode(request.payload)
        if payload == nil {
            flaws.append(ModelBody.flaw("payload", detail: "It is not \(request.payloadEncoding.rawValue)."))
        }
        guard let source, let payload else { throw ModelBody.invalid(flaws) }
        return Injection(
            source: source,
            destination: destination,
            payload: payload,
            timeToLive: request.timeToLiveSeconds
        )
    }

    /// The sender that a field names; `nil` when it names none.
    static func source(_ field: String?) -> CCID? { field.map { CCID($0) } ?? self.defaultSource }

    static let ccidExpectation = "It has to be a CCID: 8 hex digits such as 0000002a."

    /// What a field of a message has to hold.
    @Sendable
    static func expectation(_ field: String) -> String {
        switch field {
        case "source": "It has to be a string of 8 hex digits."
        case "destinations": "It has to be a list of CCIDs, each a string of 8 hex digits."
        case "messages": "It has to be a list of objects."
        case "payload_encoding":
            "It has to be one of \(PayloadEncoding.allCases.map(\.rawValue).joined(separator: ", "))."
        case "time_to_live_seconds": "It has to be a whole number from 0 to \(UInt32.max)."
        default: "It has to be a string."
        }
    }
}
