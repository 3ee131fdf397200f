/// The JSON body that sends a message to a terminal.
public struct SendMessageRequest: Codable, Equatable, Sendable {
    /// The CCID that the destination sees as the sender; `00000000` without a value.
    public var source: String?
    /// The payload, in ``payloadEncoding``; may be empty.
    public var payload: String
    /// The encoding of ``payload``.
    public var payloadEncoding: PayloadEncoding
    /// Seconds that the message stays queued, at most 4,294,967,295; 0 for ever; the configured default without a value.
    public var timeToLiveSeconds: UInt32?

    enum CodingKeys: String, CodingKey, CaseIterable {
        case source, payload
        case payloadEncoding = "payload_encoding"
        case timeToLiveSeconds = "time_to_live_seconds"
    }

    /// The names of all fields; any other is refused.
    public static let fieldNames = Set(CodingKeys.allCases.map(\.rawValue))

    /// Decodes a request.
    ///
    /// - Throws: `DecodingError` that names the field.
    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        self.source = try fields.decodeIfPresent(String.self, forKey: .source)
        self.payload = try fields.decode(String.self, forKey: .payload)
        self.payloadEncoding = try fields.decode(PayloadEncoding.self, forKey: .payloadEncoding)
        // Decoded as a number of any size first: Foundation's error for one that does not fit does not name the field.
        self.timeToLiveSeconds = try fields.decodeIfPresent(Double.self, forKey: .timeToLiveSeconds).map { number in
            guard let seconds = UInt32(exactly: number) else {
                let reason = "It has to be a whole number from 0 to \(UInt32.max)."
                throw DecodingError.dataCorruptedError(forKey: .timeToLiveSeconds, in: fields, debugDescription: reason)
            }
            return seconds
        }
    }

    /// Makes a request.
    public init(
        source: String? = nil,
        payload: String,
        payloadEncoding: PayloadEncoding,
        timeToLiveSeconds: UInt32? = nil
    ) {
        self.source = source
        self.payload = payload
        self.payloadEncoding = payloadEncoding
        self.timeToLiveSeconds = timeToLiveSeconds
    }
}
