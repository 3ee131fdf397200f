import AdminAPI
import RelayCore
import TTMSProtocol

/// Parses the JSON body that sends a message.
enum SendMessageBody {
    /// The source of messages whose request has none.
    static let defaultSource = CCID(rawValue: 0)

    /// - Throws: ``ProblemDetails``.
    static func parse(_ request: HTTPRequest, to destination: CCID) throws(ProblemDetails) -> Injection {
        var body = try JSONBody(request, fields: SendMessageRequest.fieldNames)
        let content = Content(&body)
        guard body.isSound, let content else { throw body.problem }
        return content.injection(to: destination)
    }

    /// The part of a message that all its destinations share.
    struct Content {
        private let source: CCID
        private let payload: [UInt8]
        private let timeToLive: UInt32?

        /// Reads the fields of a message, alone or in a list; `nil` when the body has to be refused.
        init?(_ body: inout JSONBody) {
            let encodings = PayloadEncoding.allCases.map(\.rawValue).joined(separator: ", ")
            let source = body.optional("source", SendMessageBody.ccidExpectation, read: \.ccid)
            let encoding = body.required("payload_encoding", "It has to be one of \(encodings).") { field in
                field.text.flatMap(PayloadEncoding.init(rawValue:))
            }
            let text = body.required("payload", "It has to be a string.", read: \.text)
            let timeToLive = body.number("time_to_live_seconds", in: 0 ... .max)
            guard let encoding, let text else { return nil }
            guard let payload = encoding.decode(text) else {
                body.refuse("payload", "It is not \(encoding.rawValue).")
                return nil
            }
            self.source = source ?? SendMessageBody.defaultSource
            self.payload = payload
            self.timeToLive = timeToLive
        }

        func injection(to destination: CCID) -> Injection {
            Injection(source: self.source, destination: destination, payload: self.payload, timeToLive: self.timeToLive)
        }
    }

    static let ccidExpectation = "It has to be a CCID: a string of 8 hex digits such as 0000002a."
}

extension JSONField {
    /// The CCID, if it is one.
    var ccid: CCID? { self.text.flatMap { CCID($0) } }
}
