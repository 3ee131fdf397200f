/// The JSON body that sends many messages at once.
public struct BulkRequest: Codable, Equatable, Sendable {
    /// The messages; at least one.
    public var messages: [BulkMessage]

    /// The most sendings of one request, over the destinations of all its messages. They are assembled in memory.
    public static let maximumSendings = 1_000
    /// The names of all fields; any other is refused.
    public static let fieldNames: Set<String> = ["messages"]

    /// Makes a request.
    public init(messages: [BulkMessage]) {
        self.messages = messages
    }
}

/// One payload, and its destinations.
public struct BulkMessage: Codable, Equatable, Sendable {
    /// The destinations; at least one, without repetition.
    public var destinations: [String]
    /// The CCID that the destinations see as the sender; `00000000` without a value.
    public var source: String?
    /// The payload, in ``payloadEncoding``; may be empty.
    public var payload: String
    /// The encoding of ``payload``.
    public var payloadEncoding: PayloadEncoding
    /// Seconds that the message stays queued, at most 4,294,967,295; 0 for ever; the configured default without a value.
    public var timeToLiveSeconds: UInt32?
    /// The idempotency key of this sending to each destination: a repeated request sends nothing. 1...255 printable ASCII characters.
    public var idempotencyKey: String?

    enum CodingKeys: String, CodingKey, CaseIterable {
        case destinations, source, payload
        case payloadEncoding = "payload_encoding"
        case timeToLiveSeconds = "time_to_live_seconds"
        case idempotencyKey = "idempotency_key"
    }

    /// The names of all fields; any other is refused.
    public static let fieldNames = Set(CodingKeys.allCases.map(\.rawValue))

    /// Decodes a message.
    ///
    /// - Throws: `DecodingError` that names the field.
    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        self.destinations = try fields.decode([String].self, forKey: .destinations)
        self.idempotencyKey = try fields.decodeIfPresent(String.self, forKey: .idempotencyKey)
        let message = try SendMessageRequest(from: decoder)
        self.source = message.source
        self.payload = message.payload
        self.payloadEncoding = message.payloadEncoding
        self.timeToLiveSeconds = message.timeToLiveSeconds
    }

    /// Makes a message.
    public init(
        destinations: [String],
        source: String? = nil,
        payload: String,
        payloadEncoding: PayloadEncoding,
        timeToLiveSeconds: UInt32? = nil,
        idempotencyKey: String? = nil
    ) {
        self.destinations = destinations
        self.source = source
        self.payload = payload
        self.payloadEncoding = payloadEncoding
        self.timeToLiveSeconds = timeToLiveSeconds
        self.idempotencyKey = idempotencyKey
    }
}
