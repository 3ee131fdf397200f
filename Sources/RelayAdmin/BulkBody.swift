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

    /// - Parameter caller: names the idempotency keys' owner.
    /// - Throws: ``ProblemDetails``.
    static func parse(_ body: [UInt8], caller: Caller?) throws(ProblemDetails) -> [Sending] {
        let shape = ModelBody.Shape(
            fields: BulkRequest.fieldNames,
            items: ["messages": BulkMessage.fieldNames],
            expectation: SendMessageBody.expectation
        )
        let request = try ModelBody.decode(BulkRequest.self, from: body, as: shape)
        let count = request.messages.reduce(0) { $0 + $1.destinations.count }
        guard (1...BulkRequest.maximumSendings).contains(count) else {
            let detail = "It has to ask for 1 to \(BulkRequest.maximumSendings) sendings, and asks for \(count)."
            throw ModelBody.invalid([ModelBody.flaw("messages", detail: detail)])
        }
        var sendings: [Sending] = []
        var flaws: [ProblemDetails.Flaw] = []
        for (index, message) in request.messages.enumerated() {
            sendings += self.sendings(message, index, caller, &flaws)
        }
        guard flaws.isEmpty else { throw ModelBody.invalid(Array(flaws.prefix(Self.maximumFlaws))) }
        return sendings
    }

    /// A client that gets everything wrong has seen enough by then.
    private static let maximumFlaws = 100

    private static func sendings(
        _ message: BulkMessage,
        _ index: Int,
        _ caller: Caller?,
        _ flaws: inout [ProblemDetails.Flaw]
    ) -> [Sending] {
        func fail(_ field: String..., detail: String) {
            let pointer = ModelBody.flaw("messages", String(index), detail: "").pointer
            let rest = field.map { ModelBody.flaw($0, detail: "").pointer }.joined()
            flaws.append(ProblemDetails.Flaw(pointer: pointer + rest, detail: detail))
        }
        let source = SendMessageBody.source(message.source)
        if source == nil { fail("source", detail: SendMessageBody.ccidExpectation) }
        let payload = message.payloadEncoding.decode(message.payload)
        if payload == nil { fail("payload", detail: "It is not \(message.payloadEncoding.rawValue).") }
        if message.destinations.isEmpty { fail("destinations", detail: "It has to name at least one terminal.") }
        if let key = message.idempotencyKey, !KeyHeader.isValid(key) {
            fail("idempotency_key", detail: KeyHeader.expectation)
        }
        var seen: Set<CCID> = []
        return message.destinations.enumerated().compactMap { place, text in
            guard let destination = CCID(text) else {
                fail("destinations", String(place), detail: SendMessageBody.ccidExpectation)
                return nil
            }
            guard seen.insert(destination).inserted else {
                fail("destinations", String(place), detail: "The terminal is named twice.")
                return nil
            }
            guard let source, let payload else { return nil }
            var injection = Injection(
                source: source,
                destination: destination,
                payload: payload,
                timeToLive: message.timeToLiveSeconds
            )
            // Each destination is a sending of its own: one may be taken, and another refused.
            injection.key = message.idempotencyKey.map { key in
                IdempotencyKey([caller?.tokenID ?? "", key, destination.description], of: injection)
            }
            return Sending(message: index, injection: injection)
        }
    }
}
