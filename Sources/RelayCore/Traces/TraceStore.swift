import TTMSProtocol

/// The part of a ``MessageStore`` that remembers messages beyond their end: traces, and the keys under which clients sent.
///
/// A traced message's trace goes with its frame: what the store does to the frame, it notes, in the same commit. Whoever carries out
/// the work sets ``now`` before it, so that the notes have times. Traces and keys are kept for ``StoreLimits/traceRetention`` after
/// the message's end or the key's use, and over restarts; beyond ``StoreLimits/traces`` the oldest go first.
public protocol TraceStore: AnyObject {
    /// How much is remembered.
    var traceTotals: TraceTotals { get }

    /// When that happens which is carried out now.
    var now: Timestamp { get set }

    /// The terminals whose switch is on, for other threads to look at.
    var traced: TracedTerminals { get }

    /// What happened to traced messages since the last call: each of them as it is now, in the order of what happened.
    ///
    /// To be asked after a commit: until then it is not durable.
    func takeTransitions() -> [MessageTrace]

    /// The trace of a message; `nil` when it was not traced, or is forgotten.
    func trace(of id: MessageID) throws(StoreError) -> MessageTrace?

    /// Messages for `ccid` that have ended in `state` and are remembered, in the order in which the relay took them.
    ///
    /// - Parameters:
    ///   - after: only messages behind this one.
    ///   - limit: messages at the most, at least 1.
    func endedTraces(
        of ccid: CCID,
        in state: MessageTrace.State,
        after: MessageID?,
        limit: Int
    ) throws(StoreError) -> TracePage

    /// Stages that a heartbeat came after these messages were acknowledged, on the same connection. Others are left alone.
    func confirm(_ ids: [MessageID]) throws(StoreError)

    /// Stages that all messages for `ccid` appended from now on are traced until the switch goes off; `nil` switches it off.
    func setTracing(of ccid: CCID, _ traceSwitch: TraceSwitch?)

    /// The switch of `ccid`, if it is on.
    func tracing(of ccid: CCID) -> TraceSwitch?

    /// What a key brought about; `nil` when it is not known (any more).
    func use(of key: IdempotencyKey) throws(StoreError) -> UsedKey?

    /// Stages that a key brought about a message which is staged, too.
    func remember(_ use: UsedKey) throws(StoreError)

    /// Notes what a client was told about a use of its key. It is made durable with the next commit.
    func noteAnswer(_ answer: InjectionOutcome.State, to key: IdempotencyKey) throws(StoreError)

    /// Stages that traces and keys whose retention is over are forgotten, and switches whose time is.
    ///
    /// - Parameter limit: traces and keys at the most, so that one call does not hold up the commits.
    /// - Returns: how many were forgotten; `limit` when there may be more.
    func forget(limit: Int) throws(StoreError) -> Int
}

/// Some of a terminal's ended messages.
public struct TracePage: Equatable, Sendable {
    /// The messages.
    public var traces: [MessageTrace] = []
    /// What to pass as `after` for the next page, which may have none; `nil` on the last one. A page may have none although more follow.
    public var next: MessageID?

    /// Traces that are looked at for one page at the most: one answer must not hold up the commits.
    public static let maximumWalk = 1_000

    /// Makes a page.
    public init(traces: [MessageTrace] = [], next: MessageID? = nil) {
        self.traces = traces
        self.next = next
    }
}

/// How much a ``TraceStore`` remembers.
public struct TraceTotals: Equatable, Sendable {
    /// Messages that are traced, or were until their end.
    public var traces = 0
    /// Idempotency keys.
    public var keys = 0
    /// Messages that were to be traced since the store was opened, and were not: all that may be remembered is of messages still kept.
    public var untraced: UInt64 = 0
    /// Ended messages that have been forgotten since then before their time, to make room for others.
    public var forgottenEarly: UInt64 = 0

    /// Nothing is remembered.
    public init() {}
}
