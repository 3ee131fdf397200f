/// The JSON body that sends a message to a terminal.
public struct SendMessageRequest: Codable, Equatable, Sendable {
    /// The CCID that the destination sees as the sender; `00000000` when it is not given.
    public var source: String?
    /// The payload, in ``payloadEncoding``; may be empty.
    public var payload: String
    /// What ``payload`` is in.
    public var payloadEncoding: PayloadEncoding
    /// Seconds that the message is kept, up to 4,294,967,295; 0 for ever; the configured default when it is not given.
    public var timeToLiveSeconds: UInt32?

    enum CodingKeys: String, CodingKey, CaseIterable {
        case source, payload
        case payloadEncoding = "payload_encoding"
        case timeToLiveSeconds = "time_to_live_seconds"
    }

    /// The names of all fields: any other is refused.
    public static let fieldNames = Set(CodingKeys.allCases.map(\.rawValue))

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
