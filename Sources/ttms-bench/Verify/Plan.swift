import TTMSProtocol

/// What a run does; see the options of `verify`.
struct Plan {
    var address: SocketAddress
    var terminals: Int
    var frames: Int
    var largestPayload: Int
    var seed: UInt64
    var reconnectEvery: Int
    var toleratesRestarts: Bool
    var firstCCID: CCID
    var patience: Duration

    /// A terminal stays away for so many payloads in all at the most: long enough for others to send something that has to be cached.
    var longestAbsence: Int { min(max(self.frames / 20, 1), 5_000) }

    /// A terminal asks for a receipt, by a heartbeat, after so many payloads.
    static let receiptInterval = 32
    /// A terminal sends no more after so many payloads while it waits for a receipt: what the kernels of both sides would take
    /// meanwhile is far more, and all of it uncertain when the connection breaks.
    static let receiptWindow = 128
    /// A terminal sends no more while so many bytes wait for its socket: memory stays bounded when the relay holds back.
    static let unsentLimit = 32 << 10
    /// Payloads that a terminal sends before the next one has its turn.
    static let turn = 8
}
