/// One message, stored or traced.
public struct MessageResource: Codable, Equatable, Sendable {
    /// A 64-bit number in decimal, as a string, since JavaScript's numbers end at 53 bits.
    public var id: String
    /// The destination: 8 lower-case hex digits.
    public var ccid: String
    /// The CCID that the destination sees as the sender.
    public var source: String
    /// The state of the message.
    public var state: MessageState
    /// The time at which the relay accepted it.
    public var acceptedAt: String
    /// The end of its time to live; `nil` when it has none.
    @Nullable public var expiresAt: String?
    /// The payload, in ``payloadEncoding``; `nil` when the message is no longer stored.
    @Nullable public var payload: String?
    /// The encoding of ``payload``: the requested one, or base64 when the payload is not UTF-8.
    @Nullable public var payloadEncoding: PayloadEncoding?
    /// Bytes of the payload itself.
    public var payloadBytes: Int
    /// Bytes of the whole frame.
    public var frameBytes: Int
    /// The number of times that it was written to a connection; `nil` when it is not traced.
    @Nullable public var attempts: Int?
    /// The message's events in order. A message that is not traced has only its acceptance.
    public var history: [MessageEvent]

    enum CodingKeys: String, CodingKey {
        case id, ccid, source, state, payload, attempts, history
        case acceptedAt = "accepted_at"
        case expiresAt = "expires_at"
        case payloadEncoding = "payload_encoding"
        case payloadBytes = "payload_bytes"
        case frameBytes = "frame_bytes"
    }

    /// Makes a message.
    public init(
        id: String,
        ccid: String,
        source: String,
        state: MessageState,
        acceptedAt: String,
        expiresAt: String?,
        payload: String?,
        payloadEncoding: PayloadEncoding?,
        payloadBytes: Int,
        frameBytes: Int,
        attempts: Int?,
        history: [MessageEvent]
    ) {
        self.id = id
        self.ccid = ccid
        self.source = source
        self.state = state
        self.acceptedAt = acceptedAt
        self.expiresAt = expiresAt
        self.payload = payload
        self.payloadEncoding = payloadEncoding
        self.payloadBytes = payloadBytes
        self.frameBytes = frameBytes
        self.attempts = attempts
        self.history = history
    }
}

/// The receipt of a message that an operator sent.
public struct MessageReceipt: Codable, Equatable, Sendable {
    /// The message's id.
    public var id: String
    /// The destination.
    public var ccid: String
    /// The CCID that the destination sees as the sender.
    public var source: String
    /// The state of the message when the request was answered.
    public var state: MessageState
    /// Whether it is traced. If not, it is known only while it is stored, and no request can wait for its end.
    public var traced: Bool

    /// Makes a receipt.
    public init(id: String, ccid: String, source: String, state: MessageState, traced: Bool = true) {
        self.id = id
        self.ccid = ccid
        self.source = source
        self.state = state
        self.traced = traced
    }
}

/// The outcome of the deletion of all queued messages of a terminal.
public struct DeletionReceipt: Codable, Equatable, Sendable {
    /// The number of deleted messages.
    public var deleted: Int
    /// `true` when they will be deleted on disk only when it recovers, and will remain if the relay ends before; else absent.
    public var pending: Bool?

    /// Makes a receipt.
    public init(deleted: Int, isPending: Bool = false) {
        self.deleted = deleted
        self.pending = isPending ? true : nil
    }
}

extension MessageResource: JSONWritable {
    /// Writes all fields.
    public func write(to json: inout JSONWriter) {
        json.object { json in
            json.member(CodingKeys.acceptedAt, self.acceptedAt)
            json.member(CodingKeys.attempts, self._attempts)
            json.member(CodingKeys.ccid, self.ccid)
            json.member(CodingKeys.expiresAt, self._expiresAt)
            json.member(CodingKeys.frameBytes, self.frameBytes)
            json.member(CodingKeys.history, self.history)
            json.member(CodingKeys.id, self.id)
            json.member(CodingKeys.payload, self._payload)
            json.member(CodingKeys.payloadBytes, self.payloadBytes)
            json.member(CodingKeys.payloadEncoding, self._payloadEncoding)
            json.member(CodingKeys.source, self.source)
            json.member(CodingKeys.state, self.state)
        }
    }
}
