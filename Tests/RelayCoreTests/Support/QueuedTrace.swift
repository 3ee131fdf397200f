import TTMSProtocol

@testable import RelayCore

extension MessageTrace {
    /// The trace of a message that was accepted at 0 and queued at `time`, in µs.
    static func queued(_ id: MessageID, at time: Int64 = 0) -> MessageTrace {
        var trace = MessageTrace(
            id: id,
            destination: CCID(rawValue: 1),
            source: CCID(rawValue: 2),
            frameBytes: 15,
            acceptedAt: Timestamp(microseconds: 0),
            expiresAt: nil
        )
        trace.queued(at: Timestamp(microseconds: time))
        return trace
    }
}
