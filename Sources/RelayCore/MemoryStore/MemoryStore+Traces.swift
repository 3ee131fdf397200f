import TTMSProtocol

/// Traces and idempotency keys.
extension MemoryStore {
    /// Number of retained traces and keys.
    public var traceTotals: TraceTotals { self.book.totals }

    /// Terminals whose trace switch is on.
    public var traced: TracedTerminals { self.book.traced }

    /// Removes and returns the changes since the last call.
    public func takeTransitions() -> [MessageTrace] { self.book.takeTransitions() }

    /// Returns the trace of a message.
    public func trace(of id: MessageID) throws(StoreError) -> MessageTrace? {
        if let live = self.book.liveTrace(of: id) { return live }
        return self.book.changes.traces[id] ?? self.endedTraces[id]
    }

    /// Returns ended messages of a terminal.
    public func endedTraces(
        of ccid: CCID,
        in state: MessageTrace.State,
        after: MessageID?,
        limit: Int
    ) throws(StoreError) -> TracePage {
        let all = self.endedTraces.merging(self.book.changes.traces.compactMapValues(\.self)) { $1 }
        let found = all.values.filter { trace in
            trace.destination == ccid && trace.state == state && after.map { trace.id.rawValue > $0.rawValue } ?? true
                && self.book.changes.traces[trace.id] != .some(nil)
        }
        let traces = found.sorted { $0.id.rawValue < $1.id.rawValue }.prefix(limit)
        return TracePage(traces: Array(traces), next: found.count > limit ? traces.last?.id : nil)
    }

    /// Stages confirmations.
    public func confirm(_ ids: [MessageID]) throws(StoreError) {
        for id in ids {
            guard let trace = try self.trace(of: id), trace.state == .acknowledged else { continue }
            self.book.confirmed(trace, now: self.now)
            self.staged += 1
        }
    }

    /// Stages a trace switch.
    public func setTracing(of ccid: CCID, _ traceSwitch: TraceSwitch?) {
        self.book.setSwitch(of: ccid, traceSwitch)
        self.staged += 1
    }

    /// Returns the trace switch of a terminal.
    public func tracing(of ccid: CCID) -> TraceSwitch? { self.book.traceSwitch(of: ccid, now: self.now) }

    /// Returns the use of a key.
    public func use(of key: IdempotencyKey) throws(StoreError) -> UsedKey? {
        self.uses(at: key.place).first { $0.key.name == key.name }
    }

    private func uses(at place: UInt64) -> [UsedKey] { self.book.changes.keys[place] ?? self.usedKeys[place] ?? [] }

    /// Stages the use of a key.
    public func remember(_ use: UsedKey) throws(StoreError) {
        let others = self.uses(at: use.key.place).filter { $0.key.name != use.key.name }
        self.book.remember(others + [use], at: use.key.place, usedAt: use.usedAt, maximum: self.limits.traces)
        self.staged += 1
    }

    /// Records the answer that a client got.
    public func noteAnswer(_ answer: InjectionOutcome.State, to key: IdempotencyKey) throws(StoreError) {
        let uses = self.uses(at: key.place).map { $0.key.name == key.name ? $0.answered(answer) : $0 }
        if !uses.isEmpty { self.book.replace(uses, at: key.place) }
    }

    /// Removes traces and keys whose retention has ended.
    public func forget(limit: Int) throws(StoreError) -> Int {
        let forgotten = self.book.forget(
            now: self.now,
            retention: Int64(self.limits.traceRetention),
            maximum: self.limits.traces,
            limit: limit
        ) { place in
            self.usedKeys[place] ?? []
        }
        self.staged += forgotten
        return forgotten
    }
}
