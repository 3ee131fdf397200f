import TTMSProtocol

/// What an operator can ask of a running relay, and do to it: the seam between the admin API and everything behind it.
public protocol RelayOperations: Sendable {
    /// What happens in the relay, to be followed.
    var events: EventLog { get }

    /// The relay at a glance.
    func status() async -> RelayStatus

    /// Whether the relay can do its work now.
    func readiness() async -> Readiness

    /// Everything that monitoring scrapes.
    func metrics() async -> [MetricFamily]

    /// Lets the relay stop as at `SIGTERM`: it takes nothing more from terminals, and ends when everything that is not delivered is
    /// on disk. Returns at once.
    func drain() async

    /// A page of the terminals that are online or known.
    func terminals(_ query: TerminalQuery) async throws -> ListPage<TerminalSnapshot>

    /// One terminal, with the history of its connections; `nil` when it was not seen since the relay started, or is forgotten, and
    /// nothing is kept for it.
    func terminal(_ ccid: CCID) async throws -> TerminalSnapshot?

    /// Closes the terminal's connection with the reason `kicked`.
    ///
    /// - Returns: `false` when it has none.
    func disconnect(_ ccid: CCID) async -> Bool

    /// A page of the connections that are open, and of those that have ended and are remembered.
    func connections(_ query: ConnectionQuery) async throws -> ListPage<ConnectionSnapshot>

    /// One connection, open or remembered; `nil` when there is none with this number (any more).
    func connection(_ id: UInt64) async -> ConnectionSnapshot?

    /// Closes an open connection with the reason `kicked`.
    ///
    /// - Returns: `false` when none with this number is open.
    func disconnect(connection id: UInt64) async -> Bool

    /// Shuts out whom `blocks` names, on every event loop, and nobody else: closes their connections with the reason `blocked`, and
    /// refuses new ones.
    ///
    /// - Returns: how many connections were closed.
    func enforce(_ blocks: BlockList) async -> Int

    /// Messages kept for a terminal, oldest first.
    func messages(of ccid: CCID, after: MessageID?, limit: Int) async throws -> [StoredMessage]

    /// Messages for a terminal that have ended in `state` and are remembered, in the order in which the relay took them.
    func endedMessages(
        of ccid: CCID,
        in state: MessageTrace.State,
        after: MessageID?,
        limit: Int
    ) async throws -> TracePage

    /// What is known of a message, kept or not; `nil` when that is nothing (any more).
    func report(on id: MessageID) async throws -> MessageReport?

    /// Waits until a traced message has been acknowledged or has ended otherwise, until `timeout` is over, or the relay stops.
    ///
    /// - Returns: the message's trace by then; `nil` when it is not traced.
    func awaitEnd(of id: MessageID, timeout: Duration) async throws -> MessageTrace?

    /// Deletes one queued message.
    func deleteMessage(_ id: MessageID) async throws -> StoreChange<DeleteOutcome>

    /// Deletes all queued messages of a terminal; those in flight stay.
    ///
    /// - Returns: how many were deleted.
    func deleteMessages(of ccid: CCID) async throws -> StoreChange<Int>

    /// Gives the relay a data frame as if the terminal `injection.source` had sent it.
    ///
    /// Returns once the frame is on disk, and, when the destination is online, has been written to it.
    ///
    /// - Throws: ``InjectionError``; ``StoreError`` when the frame cannot be kept.
    func inject(_ injection: Injection) async throws -> InjectionOutcome

    /// Gives the relay many frames, which go to disk together. Those for one terminal keep their order.
    ///
    /// - Returns: what came of each, in their order.
    func injectAll(_ injections: [Injection]) async -> [Result<InjectionOutcome, any Error>]

    /// What would become of an injection now. Nothing is sent.
    ///
    /// - Throws: ``InjectionError/payloadTooLong(maximumPayload:)``; ``StoreError``.
    func preview(_ injection: Injection) async throws -> InjectionPreview

    /// The terminal's trace switch, if it is on.
    func tracing(of ccid: CCID) async throws -> TraceSwitch?

    /// Has all messages for a terminal traced for some time; `nil` ends it.
    ///
    /// - Parameter duration: seconds.
    /// - Returns: the switch as it is now.
    @discardableResult
    func setTracing(of ccid: CCID, for duration: UInt32?, frames: UInt32) async throws -> StoreChange<TraceSwitch?>
}

/// What is known of a message.
public struct MessageReport: Equatable, Sendable {
    /// The message, as long as it is kept.
    public var message: StoredMessage?
    /// What has happened to it; `nil` when it is not traced.
    public var trace: MessageTrace?
    /// Frames kept for its terminal before it; `nil` when it is not kept.
    public var framesAhead: Int?

    /// Makes a report.
    public init(message: StoredMessage? = nil, trace: MessageTrace? = nil, framesAhead: Int? = nil) {
        self.message = message
        self.trace = trace
        self.framesAhead = framesAhead
    }
}

/// What would become of an injection.
public struct InjectionPreview: Equatable, Sendable {
    /// The bytes that the destination would get.
    public var frame: [UInt8]
    /// What the store would do with it.
    public var store: AppendPreview
    /// When it would expire if it were sent now; `nil` when it were kept for ever.
    public var expiresAt: Timestamp?

    /// Makes a preview.
    public init(frame: [UInt8], store: AppendPreview, expiresAt: Timestamp?) {
        self.frame = frame
        self.store = store
        self.expiresAt = expiresAt
    }
}

/// A frame from an operator.
public struct Injection: Equatable, Sendable {
    /// The CCID that the destination sees as the sender.
    public var source: CCID
    /// The terminal that gets the frame.
    public var destination: CCID
    /// At most 65,522 bytes, and no more than the configured largest frame allows.
    public var payload: [UInt8]
    /// Seconds; `nil` for the configured default, 0 for ever.
    public var timeToLive: UInt32?
    /// What the client calls this sending; the same one again sends nothing, and is answered as the first was.
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

/// Where an injected frame went.
public struct InjectionOutcome: Equatable, Sendable {
    /// The two places where it can be when the call returns.
    public enum State: String, Sendable {
        /// It is on disk, and waits for its terminal.
        case queued
        /// It has been written to its terminal's connection.
        case inFlight = "in_flight"
    }

    /// The frame's id.
    public var id: MessageID
    /// Where it is.
    public var state: State
    /// Its key had been used before: the frame is the one of then, and this what was answered then.
    public var isRepeated: Bool
    /// What becomes of it is noted. It is not when all that may be remembered is of messages still kept (``StoreLimits/traces``).
    public var isTraced: Bool

    /// Makes an outcome.
    public init(id: MessageID, state: State, isRepeated: Bool = false, isTraced: Bool = true) {
        self.id = id
        self.state = state
        self.isRepeated = isRepeated
        self.isTraced = isTraced
    }
}

/// Why a frame was not injected.
public enum InjectionError: Error, Equatable, Sendable {
    /// The frame would pass the largest frame; at most `maximumPayload` bytes of payload fit.
    case payloadTooLong(maximumPayload: Int)
    /// A cap of the store stands in its way, and by the policy in force nothing gives way to it.
    case rejected(StoreLimits.Cap)
    /// Its key has been used for another content.
    case keyReused
    /// The relay stops and takes nothing more.
    case stopping
}
