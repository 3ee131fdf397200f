import TTMSProtocol

/// Operations on a running relay: the interface between the admin API and the relay.
public protocol RelayOperations: Sendable {
    /// Log of the events in the relay, for clients that follow them.
    var events: EventLog { get }

    /// Returns the overall state of the relay.
    func status() async -> RelayStatus

    /// Checks whether the relay can work now.
    func readiness() async -> Readiness

    /// Returns all metrics that monitoring scrapes.
    func metrics() async -> [MetricFamily]

    /// Begins a drain, as at `SIGTERM`: the relay accepts no more from terminals, and ends when all undelivered frames are on disk.
    /// Returns at once.
    func drain() async

    /// Returns a page of the terminals that are online or known.
    func terminals(_ query: TerminalQuery) async throws -> ListPage<TerminalSnapshot>

    /// Returns one terminal with the history of its connections. `nil` when it has no stored frames and was not seen since the
    /// relay started, or its record was removed.
    func terminal(_ ccid: CCID) async throws -> TerminalSnapshot?

    /// Closes the terminal's connection with the reason `kicked`.
    ///
    /// - Returns: `false` when it has no connection.
    func disconnect(_ ccid: CCID) async -> Bool

    /// Returns a page of the open connections and of the retained ended ones.
    func connections(_ query: ConnectionQuery) async throws -> ListPage<ConnectionSnapshot>

    /// Returns one connection, open or retained; `nil` when there is none with this number.
    func connection(_ id: UInt64) async -> ConnectionSnapshot?

    /// Closes an open connection with the reason `kicked`.
    ///
    /// - Returns: `false` when none with this number is open.
    func disconnect(connection id: UInt64) async -> Bool

    /// Replaces the blocks on every event loop: closes the connections that they concern with the reason `blocked`, and refuses new
    /// ones.
    ///
    /// - Returns: the number of closed connections.
    func enforce(_ blocks: BlockList) async -> Int

    /// Returns stored messages of a terminal, oldest first.
    func messages(of ccid: CCID, after: MessageID?, limit: Int) async throws -> [StoredMessage]

    /// Returns retained messages for a terminal that ended in `state`, in the order of their acceptance.
    func endedMessages(
        of ccid: CCID,
        in state: MessageTrace.State,
        after: MessageID?,
        limit: Int
    ) async throws -> TracePage

    /// Returns the record of a message, stored or ended; `nil` when there is none.
    func report(on id: MessageID) async throws -> MessageReport?

    /// Waits until a traced message is delivered or has ended otherwise, until `timeout` has passed, or until the relay stops.
    ///
    /// - Returns: the latest trace; `nil` when the message is not traced.
    func awaitEnd(of id: MessageID, timeout: Duration) async throws -> MessageTrace?

    /// Deletes one queued message.
    func deleteMessage(_ id: MessageID) async throws -> StoreChange<DeleteOutcome>

    /// Deletes all queued messages of a terminal; those in flight stay.
    ///
    /// - Returns: the number of deleted messages.
    func deleteMessages(of ccid: CCID) async throws -> StoreChange<Int>

    /// Sends a data frame as if the terminal `injection.source` had sent it.
    ///
    /// Returns once the frame is on disk, and, when the destination is online, has been written to it.
    ///
    /// - Throws: ``InjectionError``; ``StoreError`` when the frame cannot be stored.
    func inject(_ injection: Injection) async throws -> InjectionOutcome

    /// Sends many frames, which are committed together. Those for one terminal retain their order.
    ///
    /// - Returns: the result of each, in their order.
    func injectAll(_ injections: [Injection]) async -> [Result<InjectionOutcome, any Error>]

    /// Returns the result that an injection would have now. Nothing is sent.
    ///
    /// - Throws: ``InjectionError/payloadTooLong(maximumPayload:)``; ``StoreError``.
    func preview(_ injection: Injection) async throws -> InjectionPreview

    /// Returns the terminal's trace switch; `nil` when it is off.
    func tracing(of ccid: CCID) async throws -> TraceSwitch?

    /// Switches the trace of all messages for a terminal on for a time; `nil` switches it off.
    ///
    /// - Parameter duration: time in seconds.
    /// - Returns: the switch as it is now.
    @discardableResult
    func setTracing(of ccid: CCID, for duration: UInt32?, frames: UInt32) async throws -> StoreChange<TraceSwitch?>
}

/// Record of a message.
public struct MessageReport: Equatable, Sendable {
    /// Message with its frame; `nil` when it is not stored.
    public var message: StoredMessage?
    /// Trace of the message; `nil` when it is not traced.
    public var trace: MessageTrace?
    /// Stored frames of its terminal before it; `nil` when it is not stored.
    public var framesAhead: Int?

    /// Makes a report.
    public init(message: StoredMessage? = nil, trace: MessageTrace? = nil, framesAhead: Int? = nil) {
        self.message = message
        self.trace = trace
        self.framesAhead = framesAhead
    }
}

/// Result that an injection would have.
public struct InjectionPreview: Equatable, Sendable {
    /// Frame that the destination would get.
    public var frame: [UInt8]
    /// Result of the append.
    public var store: AppendPreview
    /// Time at which it would expire if it were sent now; `nil` for never.
    public var expiresAt: Timestamp?

    /// Makes a preview.
    public init(frame: [UInt8], store: AppendPreview, expiresAt: Timestamp?) {
        self.frame = frame
        self.store = store
        self.expiresAt = expiresAt
    }
}

/// Request of an operator to send a frame.
public struct Injection: Equatable, Sendable {
    /// CCID that the destination sees as the source.
    public var source: CCID
    /// Terminal that gets the frame.
    public var destination: CCID
    /// Payload, at most 65,522 bytes and at most what the configured largest frame allows.
    public var payload: [UInt8]
    /// Time to live in seconds; `nil` for the configured default, 0 for no end.
    public var timeToLive: UInt32?
    /// Idempotency key. A repeated request with it sends nothing, and gets the answer of the first.
    public var key: IdempotencyKey?

    /// Makes an injection.
    public init(
        source: CCID,
        destination: CCID,
        payload: [UInt8],
        timeToLive: UInt32? = nil,
        key: IdempotencyKey? = nil
    ) {
        self.key = key
        self.source = source
        self.destination = destination
        self.payload = payload
        self.timeToLive = timeToLive
    }
}

/// Result of an injection.
public struct InjectionOutcome: Equatable, Sendable {
    /// States in which the frame can be when the call returns.
    public enum State: String, Sendable {
        /// It waits on disk for its terminal.
        case queued
        /// It has been written to its terminal's connection.
        case inFlight = "in_flight"
    }

    /// Id of the frame.
    public var id: MessageID
    /// State of the frame.
    public var state: State
    /// Whether the key had been used before: the frame and the state are then those of the first answer.
    public var isRepeated: Bool
    /// Whether the message is traced. It is not when traces of stored messages take up the maximum (``StoreLimits/traces``).
    public var isTraced: Bool

    /// Makes an outcome.
    public init(id: MessageID, state: State, isRepeated: Bool = false, isTraced: Bool = true) {
        self.id = id
        self.state = state
        self.isRepeated = isRepeated
        self.isTraced = isTraced
    }
}

/// Cause for which a frame was not sent.
public enum InjectionError: Error, Equatable, Sendable {
    /// The frame would exceed the largest frame; at most `maximumPayload` bytes of payload fit.
    case payloadTooLong(maximumPayload: Int)
    /// A cap of the store rejects the frame by the present policy.
    case rejected(StoreLimits.Cap)
    /// Its key has been used with another content.
    case keyReused
    /// The relay is stopping and accepts nothing more.
    case stopping
}
