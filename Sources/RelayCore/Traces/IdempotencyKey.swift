/// A name that a client gives to one sending, so that it can ask for it again without sending twice.
public struct IdempotencyKey: Hashable, Sendable {
    /// The client's name for it, with whatever tells clients apart; 1...512 bytes.
    public var name: [UInt8]
    /// What was to be sent, or a digest of it; at most 64 bytes. The same name with another content is a mistake.
    public var content: [UInt8]

    /// Makes a key.
    public init(name: [UInt8], content: [UInt8]) {
        self.name = name
        self.content = content
    }
}

/// A key that was used, with the message that it brought about.
///
/// It is made durable together with that message's frame: after a crash there are both, or neither.
public struct UsedKey: Equatable, Sendable {
    /// The key.
    public var key: IdempotencyKey
    /// The message.
    public var id: MessageID
    /// When it was used.
    public var usedAt: Timestamp
    /// Where the message was when the client was answered. Told after the frame is durable, so a crash may leave `queued` here.
    public var answer: InjectionOutcome.State

    /// Makes a used key.
    public init(_ key: IdempotencyKey, id: MessageID, usedAt: Timestamp, answer: InjectionOutcome.State = .queued) {
        self.key = key
        self.id = id
        self.usedAt = usedAt
        self.answer = answer
    }

    /// The same use, with what the client was told.
    package func answered(_ answer: InjectionOutcome.State) -> UsedKey {
        UsedKey(self.key, id: self.id, usedAt: self.usedAt, answer: answer)
    }
}

extension IdempotencyKey {
    /// Where a store keeps the key: FNV-1a over the name, the same in every process. Names that collide share a place; they are
    /// told apart by themselves.
    package var place: UInt64 {
        self.name.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}
