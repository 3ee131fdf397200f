import TTMSProtocol

/// Part of a ``MessageStore`` that retains records of messages beyond their end: traces and idempotency keys.
///
/// Each change of a traced message's frame changes its trace in the same commit. The caller sets ``now`` before each piece of work,
/// for the times in the traces.
///
/// Traces and keys are retained for ``StoreLimits/traceRetention`` after the message's end or the key's use, also over restarts.
/// Beyond ``StoreLimits/traces`` the oldest are removed first.
public protocol TraceStore: AnyObject {
    /// Number of retained traces and keys.
    var traceTotals: TraceTotals { get }

    /// Time of the work that is carried out now.
    var now: Timestamp { get set }

    /// Terminals whose trace switch is on, for other threads.
    var traced: TracedTerminals { get }

    /// Removes and returns the changes of traced messages since the last call, in order, each as the message's trace after it.
    ///
    /// To be called after a commit, because changes are not durable before.
    func takeTransitions() -> [MessageTrace]

    /// Returns the trace of a message; `nil` when it was not traced, or its retention has ended.
    func trace(of id: MessageID) throws(StoreError) -> MessageTrace?

    /// Returns retained messages for `ccid` that ended in `state`, in the order of their acceptance.
    ///
    /// - Parameters:
    ///   - after: only messages after this one.
    ///   - limit: largest number of messages, at least 1.
    func endedTraces(
        of ccid: CCID,
        in state: MessageTrace.State,
        after: MessageID?,
        limit: Int
    ) throws(StoreError) -> TracePage

    /// Stages the confirmation of these messages: a heartbeat arrived after their acknowledgement, on the same connection. Messages
    /// in other states do not change.
    func confirm(_ ids: [MessageID]) throws(StoreError)

    /// Stages a trace switch: all messages appended for `ccid` from now on are traced until it ends. `nil` ends it.
    func setTracing(of ccid: CCID, _ traceSwitch: TraceSwitch?)

    /// Returns the trace switch of `ccid`; `nil` when it is off.
    func tracing(of ccid: CCID) -> TraceSwitch?

    /// Returns the use of a key; `nil` when it is unknown or its retention has ended.
    func use(of key: IdempotencyKey) throws(StoreError) -> UsedKey?

    /// Stages the use of a key for a message that is staged, too.
    func remember(_ use: UsedKey) throws(StoreError)

    /// Records the answer that a client got to a use of its key. It becomes durable with the next commit.
    func noteAnswer(_ answer: InjectionOutcome.State, to key: IdempotencyKey) throws(StoreError)

    /// Stages the removal of traces, keys and switches whose retention or time has ended.
    ///
    /// - Parameter limit: largest number of traces and keys, so that one call does not delay the commits.
    /// - Returns: the number of removed traces and keys; `limit` when there may be more.
    func forget(limit: Int) throws(StoreError) -> Int
}

/// Page of a terminal's ended messages.
public struct TracePage: Equatable, Sendable {
    /// Traces of the messages.
    public var traces: [MessageTrace] = []
    /// Value of `after` for the next page; `nil` on the last one. A page can be empty although more follow.
    public var next: MessageID?

    /// Largest number of traces read for one page, because one answer must not delay the commits.
    public static let maximumWalk = 1_000

    /// Makes a page.
    public init(traces: [MessageTrace] = [], next: MessageID? = nil) {
        self.traces = traces
        self.next = next
    }
}

/// Number of records that a ``TraceStore`` retains.
public struct TraceTotals: Equatable, Sendable {
    /// Traces of stored and ended messages.
    public var traces = 0
    /// Idempotency keys.
    public var keys = 0
    /// Messages since the store was opened that were to be traced and were not, because traces of stored messages took up the
    /// maximum.
    public var untraced: UInt64 = 0
    /// Traces removed since then before the end of their retention, to make room.
    public var forgottenEarly: UInt64 = 0

    /// Makes totals of 0.
    public init() {}
}
