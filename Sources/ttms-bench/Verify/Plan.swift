import TTMSProtocol

/// The parameters of a run; see the options of `verify`.
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

    /// Payloads of all terminals for which a terminal stays offline at most: enough that others send some that have to be
    /// queued.
    var longestAbsence: Int { min(max(self.frames / 20, 1), 5_000) }

    /// The number of payloads after which a terminal sends a heartbeat, for a receipt.
    static let receiptInterval = 32
    /// The number of payloads after which a terminal stops sending while it waits for a receipt. The kernels of both sides
    /// would buffer far more, all of it uncertain when the connection breaks.
    static let receiptWindow = 128
    /// The number of bytes waiting for its socket at which a terminal stops sending: memory stays bounded while the relay
    /// applies back pressure.
    static let unsentLimit = 32 << 10
    /// Payloads of one terminal in one turn.
    static let turn = 8
}
