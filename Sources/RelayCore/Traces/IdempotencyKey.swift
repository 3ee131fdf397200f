/// Client's name for one injection: a repeated request with the same key does not send again.
public struct IdempotencyKey: Hashable, Sendable {
    /// Name, with the identity of the client; 1...512 bytes.
    public var name: [UInt8]
    /// Content of the injection, or its digest; at most 64 bytes. The same name with another content is an error of the client.
    public var content: [UInt8]

    /// Makes a key.
    public init(name: [UInt8], content: [UInt8]) {
        self.name = name
        self.content = content
    }
}

/// Used key, with the message that was sent under it.
///
/// It becomes durable together with the message's frame: after a crash both exist, or neither.
public struct UsedKey: Equatable, Sendable {
    /// Key.
    public var key: IdempotencyKey
    /// Message that was sent under it.
    public var id: MessageID
    /// Time of its use.
    public var usedAt: Timestamp
    /// State of the message in the client's answer. It is recorded after the frame is durable, so after a crash it can be `queued`
    /// instead.
    public var answer: InjectionOutcome.State

    /// Makes a used key.
    public init(_ key: IdempotencyKey, id: MessageID, usedAt: Timestamp, answer: InjectionOutcome.State = .queued) {
        self.key = key
        self.id = id
        self.usedAt = usedAt
        self.answer = answer
    }

    /// Returns the same use with the answer that the client got.
    package func answered(_ answer: InjectionOutcome.State) -> UsedKey {
        UsedKey(self.key, id: self.id, usedAt: self.usedAt, answer: answer)
    }
}

extension IdempotencyKey {
    /// Store's bucket of the key: FNV-1a of the name, the same in every process. Keys in one bucket are distinguished by their
    /// names.
    package var place: UInt64 {
        self.name.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}
