import NIOCore
import RelayCore
import Synchronization
import TTMSProtocol

/// The far side of the seam: a relay without terminals and disk, whose every answer a test can decide.
final class FakeRelay: RelayOperations {
    struct State {
        var terminals: [CCID: TerminalSnapshot] = [:]
        var connections: [ConnectionSnapshot] = []
        /// What was asked for.
        var terminalQueries: [TerminalQuery] = []
        var connectionQueries: [ConnectionQuery] = []
        var messages: [StoredMessage] = []
        var injected: [Injection] = []
        /// Messages that are remembered.
        var traces: [MessageID: MessageTrace] = [:]
        /// What the first injection under a key came to.
        var outcomes: [IdempotencyKey: InjectionOutcome] = [:]
        var switches: [CCID: TraceSwitch] = [:]
        /// Whether there is room for the traces of injections.
        var hasTraceRoom = true
        var preview = AppendPreview(framesAhead: 0)
        /// How many injections each call of ``injectAll(_:)`` had.
        var calls: [Int] = []
        /// Thrown by injections for these terminals.
        var refusals: [CCID: any Error] = [:]
        /// Thrown by the injection after so many.
        var injectionFailure: (after: Int, error: any Error)?
        /// Thrown by everything that would read the store.
        var storeFailure: (any Error)?
        var readiness = Readiness(checks: [Readiness.Check(name: "store", isPassing: true)])
        var metrics: [MetricFamily] = []
        var isDraining = false
        /// All that was ever put in force.
        var blocks: [BlockList] = []
    }

    let events = EventLog(capacity: 64)
    private let state = Mutex(State())
    /// ``status()`` passes through it.
    let gate = Gate()

    /// Looks at the state, or changes it.
    func withState<Result>(_ body: (inout State) throws -> sending Result) rethrows -> sending Result {
        try self.state.withLock { try body(&$0) }
    }

    /// A terminal with a connection.
    static func online(_ ccid: CCID, connection id: UInt64 = 1) -> TerminalSnapshot {
        let opened = Timestamp(microseconds: 1_700_000_000_123_456)
        return TerminalSnapshot(
            ccid: ccid,
            connection: ConnectionSnapshot(
                id: id,
                remoteAddress: PeerAddress(try? SocketAddress(ipAddress: "192.0.2.7", port: 40_112)),
                listener: PeerAddress(try? SocketAddress(ipAddress: "127.0.0.1", port: 7_222)),
                openedAt: opened,
                dialect: .afterLength
            ),
            since: opened,
            lastHeartbeatAt: opened,
            lastCloseReason: .idleTimeout
        )
    }

    /// Keeps a message whose frame holds `payload`.
    @discardableResult
    func keep(
        _ payload: [UInt8],
        for ccid: CCID,
        from source: CCID = CCID(rawValue: 1),
        isInFlight: Bool = false,
        expiresAt: Timestamp? = nil
    ) -> MessageID {
        self.state.withLock { state in
            let id = MessageID(slot: 1, sequence: UInt64(state.messages.count + 1))
            let size = UInt16(truncatingIfNeeded: payload.count + Frame.minimumSize)
            let address = withUnsafeBytes(of: source.rawValue.bigEndian) { Array($0) }
            let frame =
                Array("$TTMX".utf8) + [UInt8(size >> 8), UInt8(size & 255)] + address + [Command.data.rawValue] + payload + [0]
            state.messages.append(
                StoredMessage(
                    id: id,
                    destination: ccid,
                    frame: frame,
                    acceptedAt: Timestamp(microseconds: 1_700_000_000_007_000),
                    expiresAt: expiresAt,
                    isInFlight: isInFlight
                )
            )
            if state.terminals[ccid] == nil { state.terminals[ccid] = TerminalSnapshot(ccid: ccid) }
            return id
        }
    }

    func status() async -> RelayStatus {
        await self.gate.pass()
        var ledger = Ledger()
        ledger.accepted = 7
        ledger.queued = 6
        let start = Timestamp(microseconds: 1_700_000_000_000_000)
        return RelayStatus(
            version: "0.1.0",
            startedAt: start,
            now: start.advanced(bySeconds: 90),
            listeners: ["127.0.0.1:7222"],
            eventLoops: 2,
            connections: 3,
            terminalsOnline: 2,
            ledger: ledger,
            store: StoreTotals(),
            readiness: await self.readiness()
        )
    }

    func readiness() async -> Readiness {
        self.state.withLock { $0.readiness }
    }

    func drain() async {
        self.state.withLock { $0.isDraining = true }
    }

    func metrics() async -> [MetricFamily] {
        self.state.withLock { $0.metrics }
    }

    func terminals(_ query: TerminalQuery) async throws -> ListPage<TerminalSnapshot> {
        try self.readStore { state in
            state.terminalQueries.append(query)
            let found = state.terminals.values.filter { terminal in
                (query.isOnline ?? terminal.isOnline) == terminal.isOnline
                    && terminal.ccid.description.hasPrefix(query.prefix)
            }
            return Self.page(found, after: query.after, limit: query.limit, isDescending: query.isDescending) {
                let key = query.sort == .backlog ? Int64($0.backlog.frames) : 0
                return ListPosition(key: key, id: UInt64($0.ccid.rawValue))
            }
        }
    }

    func connections(_ query: ConnectionQuery) async throws -> ListPage<ConnectionSnapshot> {
        self.state.withLock { state in
            state.connectionQueries.append(query)
            let found = state.connections.filter { (query.isOpen ?? ($0.end == nil)) == ($0.end == nil) }
            return Self.page(found, after: query.after, limit: query.limit, isDescending: query.isDescending) {
                ListPosition(id: $0.id)
            }
        }
    }

    func connection(_ id: UInt64) async -> ConnectionSnapshot? {
        self.state.withLock { $0.connections.first { $0.id == id } }
    }

    func disconnect(connection id: UInt64) async -> Bool {
        self.state.withLock { state in
            guard let index = state.connections.firstIndex(where: { $0.id == id && $0.end == nil }) else { return false }
            state.connections[index].end = .init(at: Timestamp(microseconds: 1_700_000_000_000_000), reason: .kicked)
            return true
        }
    }

    private static func page<Item>(
        _ items: [Item],
        after: ListPosition?,
        limit: Int,
        isDescending: Bool,
        position: (Item) -> ListPosition
    ) -> ListPage<Item> {
        let sorted = items.sorted { isDescending ? position($0) > position($1) : position($0) < position($1) }
        let rest = sorted.filter { item in
            after.map { isDescending ? position(item) < $0 : position(item) > $0 } ?? true
        }
        let shown = Array(rest.prefix(limit))
        return ListPage(items: shown, next: rest.count > limit ? shown.last.map(position) : nil)
    }

    func terminal(_ ccid: CCID) async throws -> TerminalSnapshot? {
        try self.readStore { $0.terminals[ccid] }
    }

    func disconnect(_ ccid: CCID) async -> Bool {
        self.state.withLock { state in
            guard state.terminals[ccid]?.connection != nil else { return false }
            state.terminals[ccid]?.connection = nil
            return true
        }
    }

    func enforce(_ blocks: BlockList) async -> Int {
        self.state.withLock { state in
            state.blocks.append(blocks)
            return 3
        }
    }

    func messages(of ccid: CCID, after: MessageID?, limit: Int) async throws -> [StoredMessage] {
        try self.readStore { state in
            let found = state.messages.filter { message in
                message.destination == ccid && after.map { message.id.rawValue > $0.rawValue } ?? true
            }
            return Array(found.prefix(limit))
        }
    }

    func endedMessages(
        of ccid: CCID,
        in state: MessageTrace.State,
        after: MessageID?,
        limit: Int
    ) async throws -> TracePage {
        try self.readStore { all in
            let found = all.traces.values.filter { trace in
                trace.destination == ccid && trace.state == state && after.map { trace.id.rawValue > $0.rawValue } ?? true
            }.sorted { $0.id.rawValue < $1.id.rawValue }
            let shown = Array(found.prefix(limit))
            return TracePage(traces: shown, next: found.count > limit ? shown.last?.id : nil)
        }
    }

    func report(on id: MessageID) async throws -> MessageReport? {
        try self.readStore { state in
            let message = state.messages.first { $0.id == id }
            let trace = message?.trace ?? state.traces[id]
            guard message != nil || trace != nil else { return nil }
            let ahead = message.map { message in
                state.messages.count { $0.destination == message.destination && $0.id.rawValue < id.rawValue }
            }
            return MessageReport(message: message, trace: trace, framesAhead: ahead)
        }
    }

    func awaitEnd(of id: MessageID, timeout: Duration) async throws -> MessageTrace? {
        let deadline = ContinuousClock.now + timeout
        while true {
            let trace = self.state.withLock { $0.traces[id] }
            if trace?.state.isEnd ?? true || ContinuousClock.now >= deadline { return trace }
            try await Task.sleep(for: .milliseconds(1))
        }
    }

    func tracing(of ccid: CCID) async throws -> TraceSwitch? {
        try self.readStore { $0.switches[ccid] }
    }

    func setTracing(of ccid: CCID, for duration: UInt32?, frames: UInt32) async throws -> StoreChange<TraceSwitch?> {
        try self.change { state in
            let start = Timestamp(microseconds: 1_700_000_000_000_000)
            state.switches[ccid] = duration.map { TraceSwitch(until: start.advanced(bySeconds: Int64($0)), remaining: frames) }
            return state.switches[ccid]
        }
    }

    func preview(_ injection: Injection) async throws -> InjectionPreview {
        try self.readStore { state in
            InjectionPreview(frame: [0x24] + injection.payload, store: state.preview, expiresAt: nil)
        }
    }

    func injectAll(_ injections: [Injection]) async -> [Result<InjectionOutcome, any Error>] {
        self.state.withLock { $0.calls.append(injections.count) }
        var results: [Result<InjectionOutcome, any Error>] = []
        for injection in injections {
            do { results.append(.success(try await self.inject(injection))) } catch { results.append(.failure(error)) }
        }
        return results
    }

    func deleteMessage(_ id: MessageID) async throws -> StoreChange<DeleteOutcome> {
        try self.change { state in
            guard let index = state.messages.firstIndex(where: { $0.id == id }) else { return .unknown }
            guard !state.messages[index].isInFlight else { return .inFlight }
            state.messages.remove(at: index)
            return .deleted
        }
    }

    func deleteMessages(of ccid: CCID) async throws -> StoreChange<Int> {
        try self.change { state in
            let before = state.messages.count
            state.messages.removeAll { $0.destination == ccid && !$0.isInFlight }
            return before - state.messages.count
        }
    }

    func inject(_ injection: Injection) async throws -> InjectionOutcome {
        try self.state.withLock { state in
            if let key = injection.key, let first = state.outcomes.first(where: { $0.key.name == key.name }) {
                guard first.key == key else { throw InjectionError.keyReused }
                return InjectionOutcome(id: first.value.id, state: first.value.state, isRepeated: true)
            }
            if let refusal = state.refusals[injection.destination] { throw refusal }
            if let failure = state.injectionFailure, state.injected.count >= failure.after { throw failure.error }
            state.injected.append(injection)
            let isOnline = state.terminals[injection.destination]?.isOnline ?? false
            let id = MessageID(slot: 2, sequence: UInt64(state.injected.count))
            let outcome = InjectionOutcome(id: id, state: isOnline ? .inFlight : .queued, isTraced: state.hasTraceRoom)
            if let key = injection.key { state.outcomes[key] = outcome }
            return outcome
        }
    }

    private func change<Value: Sendable>(_ body: (inout State) -> sending Value) throws -> StoreChange<Value> {
        StoreChange(try self.readStore(body))
    }

    private func readStore<Result>(_ body: (inout State) -> sending Result) throws -> sending Result {
        try self.state.withLock { state in
            if let failure = state.storeFailure { throw failure }
            return body(&state)
        }
    }
}

/// Holds up whoever passes while it is closed.
final class Gate: Sendable {
    private struct State {
        var isOpen = true
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    /// How many wait.
    var waiting: Int { self.state.withLock { $0.waiting.count } }

    func close() {
        self.state.withLock { $0.isOpen = false }
    }

    func open() {
        let waiting = self.state.withLock { state in
            state.isOpen = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    func pass() async {
        await withCheckedContinuation { continuation in
            let isOpen = self.state.withLock { state in
                if !state.isOpen { state.waiting.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }
}
