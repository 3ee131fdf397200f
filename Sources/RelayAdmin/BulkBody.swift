import AdminAPI
import RelayCore
import TTMSProtocol

/// Reads the JSON body that sends many messages. One with a wrong message is refused as a whole, so that nothing of it is sent.
enum BulkBody {
    /// One payload for one terminal, and which of the body's messages asks for it.
    struct Sending: Sendable {
        var message: Int
        var injection: Injection
    }

    /// - Throws: ``ProblemDetails``.
    static func parse(_ request: HTTPRequest) throws(ProblemDetails) -> [Sending] {
        var body = try JSONBody(request, fields: BulkRequest.fieldNames)
        let messages = body.objects("messages", fields: BulkMessage.fieldNames) { message, index in
            self.sendings(&message, index, request.caller)
        }
        let sendings = messages.flatMap(\.self)
        if body.isSound, !(1...BulkRequest.maximumSendings).contains(sendings.count) {
            let detail = "It has to ask for 1 to \(BulkRequest.maximumSendings) sendings, and asks for \(sendings.count)."
            body.refuse("messages", detail)
        }
        guard body.isSound else { throw body.problem }
        return sendings
    }

    /// - Parameter caller: names the idempotency keys' owner.
    private static func sendings(_ message: inout JSONBody, _ index: Int, _ caller: Caller?) -> [Sending] {
        let destinations = self.destinations(&message)
        let content = SendMessageBody.Content(&message)
        let key = message.optional("idempotency_key", KeyHeader.expectation) { field in
            field.text.flatMap { KeyHeader.isValid($0) ? $0 : nil }
        }
        guard message.isSound, let content else { return [] }
        return destinations.map { destination in
            var injection = content.injection(to: destination)
            // Each destination is a sending of its own: one may be taken, and another refused.
            injection.key = key.map { key in
                IdempotencyKey([caller?.tokenID ?? "", key, destination.description], of: injection)
            }
            return Sending(message: index, injection: injection)
        }
    }

    private static func destinations(_ message: inout JSONBody) -> [CCID] {
        let expected = "It has to be a list of one or more CCIDs, each a string of 8 hex digits."
        let items = message.required("destinations", expected) { field in
            field.list.flatMap { $0.isEmpty ? nil : $0 }
        }
        var seen: Set<CCID> = []
        return (items ?? []).enumerated().compactMap { place, item in
            guard let destination = item.ccid else {
                message.refuse("destinations", at: place, SendMessageBody.ccidExpectation)
                return nil
            }
            guard seen.insert(destination).inserted else {
                message.refuse("destinations", at: place, "The terminal is named twice.")
                return nil
            }
            return destination
        }
    }
}
