import AdminAPI
import RelayCore
import TTMSProtocol

/// Parses the JSON body that sends many messages. A body that is no list of messages is refused as a whole. A wrong message or
/// destination is refused alone, and all others are sent.
enum BulkBody {
    /// One payload for one terminal, and the index of its message in the body.
    struct Sending: Sendable {
        var message: Int
        /// `nil` when the body contains no CCID.
        var ccid: CCID?
        /// The injection, or the problem for which there is none.
        var injection: Result<Injection, ProblemDetails>
    }

    /// - Throws: ``ProblemDetails``.
    static func parse(_ request: HTTPRequest) throws(ProblemDetails) -> [Sending] {
        var body = try JSONBody(request, fields: BulkRequest.fieldNames)
        let messages = body.required("messages", "It has to be a list of objects.", read: \.list) ?? []
        // Counted before they are parsed: a body has space for hundreds of thousands of wrong messages.
        let count = messages.reduce(0) { $0 + self.sendings(in: $1) }
        if body.isSound, !(1...BulkRequest.maximumSendings).contains(count) {
            let detail = "It has to contain 1 to \(BulkRequest.maximumSendings) sendings, and contains \(count)."
            body.refuse("messages", detail)
        }
        guard body.isSound else { throw body.problem("Nothing was sent, because the body is not valid.") }
        return messages.enumerated().flatMap { index, item in
            guard var message = body.object(item, in: "messages", at: index, fields: BulkMessage.fieldNames) else {
                let flaw = body.flaw("messages", at: index, "It has to be an object.")
                return [Sending(message: index, injection: .failure(JSONBody.problem(of: [flaw], Self.notSent)))]
            }
            return self.sendings(&message, index, request.caller)
        }
    }

    /// The number of results for a message: at least one, also when it has no destination or is no object.
    private static func sendings(in message: JSONField) -> Int {
        guard case .object(let fields) = message, let destinations = fields["destinations"]?.list else { return 1 }
        return max(1, destinations.count)
    }

    private static let notSent = "This was not sent, because it is not valid."

    /// - Parameter caller: the owner of the idempotency keys.
    private static func sendings(_ message: inout JSONBody, _ index: Int, _ caller: Caller?) -> [Sending] {
        let expected = "It has to be a list of one or more CCIDs, each a string of 8 hex digits."
        let destinations = message.required("destinations", expected) { field in
            field.list.flatMap { $0.isEmpty ? nil : $0 }
        }
        let content = SendMessageBody.Content(&message)
        let key = message.optional("idempotency_key", KeyHeader.expectation) { field in
            field.text.flatMap { KeyHeader.isValid($0) ? $0 : nil }
        }
        guard let destinations, let content, message.isSound else {
            let problem = message.problem(self.notSent)
            // The problem with all flaws of the message takes kilobytes, and a message has up to a thousand destinations.
            let sameProblem = ProblemDetails(
                .invalidBody,
                detail: "\(self.notSent) The problem of the first destination of this message has the reason."
            )
            return (destinations ?? [.null]).enumerated().map { place, item in
                Sending(message: index, ccid: item.ccid, injection: .failure(place == 0 ? problem : sameProblem))
            }
        }
        var seen: Set<CCID> = []
        return destinations.enumerated().map { place, item in
            func refused(_ detail: String) -> Sending {
                let flaw = message.flaw("destinations", at: place, detail)
                return Sending(message: index, ccid: item.ccid, injection: .failure(JSONBody.problem(of: [flaw], self.notSent)))
            }
            guard let destination = item.ccid else { return refused(SendMessageBody.ccidExpectation) }
            guard seen.insert(destination).inserted else { return refused("The message contains this destination twice.") }
            var injection = content.injection(to: destination)
            // Each destination has its own key, because one may be accepted and another refused.
            injection.key = key.map { key in
                IdempotencyKey([caller?.tokenID ?? "", key, destination.description], of: injection)
            }
            return Sending(message: index, ccid: destination, injection: .success(injection))
        }
    }
}
