/// The JSON body that sends many messages at once.
public struct BulkRequest: Codable, Equatable, Sendable {
    /// Each of them; at least one.
    public var messages: [BulkMessage]

    /// Sendings that one request may ask for: destinations of all its messages together. They are put together in memory.
    public static let maximumSendings = 1_000
    /// The names of all fields: any other is refused.
    public static let fieldNames: Set<String> = ["messages"]

    /// Makes a request.
    public init(messages: [BulkMessage]) {
        self.messages = messages
    }
}

/// One payload, and the terminals that get it.
public struct BulkMessage: Codable, Equatable, Sendable {
    /// The terminals that get it; at least one, each once.
    public var destinations: [String]
    /// The CCID that the destinations see as the sender; `00000000` when it is not given.
    public var source: String?
    /// The payload, in ``payloadEncoding``; may be empty.
    public var payload: String
    /// What ``payload`` is in.
    public var payloadEncoding: PayloadEncoding
    /// Seconds that the message is kept, up to 4,294,967,295; 0 for ever; the configured default when it is not given.
    public var timeToLiveSeconds: UInt32?
    /// Names this sending to each of the destinations, so that the same request again sends nothing; 1...255 printable ASCII
    /// characters.
    public var idempotencyKey: String?

    enum CodingKeys: String, CodingKey, CaseIterable {
        case destinations, source, payload
        case payloadEncoding = "payload_encoding"
        case timeToLiveSeconds = "time_to_live_seconds"
        case idempotencyKey = "idempotency_key"
    }

    /// The names of all fields: any other is refused.
    public static let fieldNames = Set(CodingKeys.allCases.map(\.rawValue))

    /// Reads a message.
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
