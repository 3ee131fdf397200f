import NIOCore
import TTMSProtocol

/// Traced messages, and the changes of them that are still to be written: the part of a ``TraceStore`` that all stores share.
///
/// Traces of stored messages are here, by slot and in the order of their sequences. Traces of ended messages are in the store's
/// archive; here is only the order of their removal, 16 bytes each. Invariants:
/// 1. A trace is live here, or ended and in the archive as ``changes`` leave it, never both.
/// 2. ``changes`` are the differences to the archive. The store writes them with its commit, and then calls ``committed()``. While
///    no message is traced, each call costs at most one check for an empty dictionary.
package struct TraceBook {
    /// Changes to be written; `nil` stands for a deletion.
    package struct Changes {
        package var traces: [MessageID: MessageTrace?] = [:]
        /// Uses by ``IdempotencyKey/place``.
        package var keys: [UInt64: [UsedKey]] = [:]
        package var switches: [CCID: TraceSwitch?] = [:]

        package var isEmpty: Bool { self.traces.isEmpty && self.keys.isEmpty && self.switches.isEmpty }
    }

    /// Entry that is removed at the end of its retention, with the number that finds it.
    private struct Memory {
        var since: Timestamp
        var number: UInt64
    }

    package private(set) var changes = Changes()
    package let traced = TracedTerminals()
    private var live: [UInt32: LiveTraces] = [:]
    private var liveCount = 0
    private var switches: [CCID: TraceSwitch] = [:]
    /// Ended traces, oldest first.
    private var ended = CircularBuffer<Memory>(initialCapacity: 0)
    private var keys = CircularBuffer<Memory>(initialCapacity: 0)
    private var transitions: [MessageTrace] = []
    private var untraced: UInt64 = 0
    private var forgottenEarly: UInt64 = 0

    package init() {}

    /// Number of retained traces and keys, with those still to be written.
    package var totals: TraceTotals {
        var totals = TraceTotals()
        totals.traces = self.liveCount + self.ended.count
        totals.keys = self.keys.count + self.overdueKeys.count
        totals.untraced = self.untraced
        totals.forgottenEarly = self.forgottenEarly
        return totals
    }

    // MARK: Switches

    /// Whether a message for `ccid` that is appended now is traced because of its switch.
    @inline(__always)
    package func isTracing(_ ccid: CCID, now: Timestamp) -> Bool {
        guard !self.switches.isEmpty else { return false }
        return self.switches[ccid].map { $0.until > now } ?? false
    }

    package func traceSwitch(of ccid: CCID, now: Timestamp) -> TraceSwitch? {
        self.switches[ccid].flatMap { $0.until > now ? $0 : nil }
    }

    package mutating func setSwitch(of ccid: CCID, _ traceSwitch: TraceSwitch?) {
        guard traceSwitch != nil || self.switches[ccid] != nil else { return }
        self.switches[ccid] = traceSwitch
        self.changes.switches[ccid] = .some(traceSwitch)
        if traceSwitch == nil { self.traced.remove(ccid) } else { self.traced.insert(ccid) }
        assert(self.traced.contains(ccid) == (self.switches[ccid] != nil), "switches that other threads do not see")
    }

    private mutating func countSwitched(_ ccid: CCID) {
        guard var traceSwitch = self.switches[ccid] else { return }
        traceSwitch.remaining = traceSwitch.remaining > 0 ? traceSwitch.remaining - 1 : 0
        self.setSwitch(of: ccid, traceSwitch.remaining == 0 ? nil : traceSwitch)
    }

    // MARK: Live messages

    /// Begins the trace of a message that is appended now, unless traces of stored messages take up the whole maximum.
    ///
    /// - Parameter isSwitched: whether it is traced because of its terminal's switch.
    package mutating func begin(_ trace: MessageTrace, isSwitched: Bool, maximum: Int, now: Timestamp) {
        if isSwitched { self.countSwitched(trace.destination) }
        // After a lowered maximum, this call makes room for one trace, and the sweeps remove the rest.
        for _ in 0..<2 where self.liveCount + self.ended.count >= maximum {
            guard self.forgetOldest() else {
                self.untraced += 1
                return
            }
        }
        assert(trace.state == .accepted && self.liveTrace(of: trace.id) == nil, "one trace for each message")
        self.transitions.append(trace)
        var trace = trace
        trace.queued(at: now)
        self.live[trace.id.slot, default: LiveTraces()].append(trace)
        self.liveCount += 1
        self.note(trace)
    }

    /// Whether no message of `slot` is traced.
    @inline(__always)
    package func isSilent(_ slot: UInt32) -> Bool {
        self.live.isEmpty || self.live[slot] == nil
    }

    /// Returns the trace of a stored message.
    package func liveTrace(of id: MessageID) -> MessageTrace? {
        self.live[id.slot]?[id.sequence]
    }

    /// Records that messages were read for delivery.
    ///
    /// - Returns: the traced ones of them.
    package mutating func written(_ ids: some Sequence<MessageID>, now: Timestamp) -> [MessageID] {
        var traced: [MessageID] = []
        for id in ids where self.change(id, { $0.written(at: now) }) { traced.append(id) }
        return traced
    }

    /// Records that all messages in flight of `slot` are queued again.
    package mutating func requeued(_ slot: UInt32, now: Timestamp) {
        for id in self.live[slot]?.inFlight ?? [] { self.change(id) { $0.requeued(at: now) } }
    }

    /// Records the end of a message.
    package mutating func ended(_ id: MessageID, as state: MessageTrace.State, now: Timestamp) {
        guard var trace = self.live[id.slot]?.remove(id.sequence) else { return }
        if self.live[id.slot]?.isEmpty ?? false { self.live[id.slot] = nil }
        assert(self.liveCount > 0)
        self.liveCount -= 1
        assert((self.liveCount == 0) == self.live.isEmpty, "live traces and their number")
        if state == .acknowledged { trace.acknowledged(at: now) } else { trace.dropped(state, at: now) }
        self.ended.append(Memory(since: trace.endedAt ?? trace.changedAt, number: id.rawValue))
        self.note(trace)
    }

    /// Records the end of all messages of `slot` with sequences in `range`.
    package mutating func ended(_ slot: UInt32, _ range: Range<UInt64>, as state: MessageTrace.State, now: Timestamp) {
        for id in self.liveIDs(slot, range, limit: .max) { self.ended(id, as: state, now: now) }
    }

    /// Returns the first traced messages of `slot` with sequences in `range` that are stored.
    package func liveIDs(_ slot: UInt32, _ range: Range<UInt64>, limit: Int) -> [MessageID] {
        self.live[slot]?.ids(in: range, limit: limit) ?? []
    }

    @discardableResult
    private mutating func change(_ id: MessageID, _ body: (inout MessageTrace) -> Void) -> Bool {
        guard let trace = self.live[id.slot]?.change(id.sequence, body) else { return false }
        self.note(trace)
        return true
    }

    private mutating func note(_ trace: MessageTrace) {
        self.changes.traces[trace.id] = trace
        self.transitions.append(trace)
    }

    // MARK: Ended messages

    /// Records the confirmation of a message whose trace is in the archive.
    package mutating func confirmed(_ trace: MessageTrace, now: Timestamp) {
        assert(self.liveTrace(of: trace.id) == nil, "a trace is live or ended, never both")
        var trace = trace
        trace.confirmed(at: now)
        self.note(trace)
    }

    // MARK: Keys

    /// Records the use of a key. `uses` are all uses in its bucket, this one last.
    package mutating func remember(_ uses: [UsedKey], at place: UInt64, usedAt: Timestamp, maximum: Int) {
        assert(uses.last?.usedAt == usedAt, "the latest use is the last")
        self.changes.keys[place] = uses
        self.keys.append(Memory(since: usedAt, number: place))
        while self.keys.count > max(maximum, 1), let oldest = self.keys.popFirst() { self.overdueKeys.append(oldest) }
    }

    /// Replaces the uses in a bucket.
    package mutating func replace(_ uses: [UsedKey], at place: UInt64) {
        self.changes.keys[place] = uses
    }

    /// Keys beyond the maximum, removed by the next ``forget(now:retention:limit:keysAt:)``.
    private var overdueKeys: [Memory] = []

    // MARK: Forgetting

    /// Removes traces and keys retained for longer than `retention` seconds, and ends the switches whose time has ended.
    ///
    /// - Parameters:
    ///   - maximum: largest number of retained traces.
    ///   - keysAt: reads the uses in a bucket of the archive.
    /// - Returns: the number of removed traces and keys.
    package mutating func forget<Failure: Error>(
        now: Timestamp,
        retention: Int64,
        maximum: Int,
        limit: Int,
        keysAt: (UInt64) throws(Failure) -> [UsedKey]
    ) throws(Failure) -> Int {
        var forgotten = 0
        while forgotten < limit, let first = self.ended.first, first.since.advanced(bySeconds: retention) <= now {
            self.ended.removeFirst()
            self.changes.traces[MessageID(rawValue: first.number)] = .some(nil)
            forgotten += 1
        }
        while forgotten < limit, self.liveCount + self.ended.count > maximum, self.forgetOldest() { forgotten += 1 }
        while self.overdueKeys.count < limit, let first = self.keys.first, first.since.advanced(bySeconds: retention) <= now {
            self.keys.removeFirst()
            self.overdueKeys.append(first)
        }
        while forgotten < limit, let overdue = self.overdueKeys.last {
            var uses = self.changes.keys[overdue.number]
            if uses == nil { uses = try keysAt(overdue.number) }
            self.overdueKeys.removeLast()
            self.changes.keys[overdue.number] = uses?.filter { $0.usedAt > overdue.since }
            forgotten += 1
        }
        for (ccid, traceSwitch) in self.switches where traceSwitch.until <= now { self.setSwitch(of: ccid, nil) }
        assert(forgotten <= max(limit, 0))
        return forgotten
    }

    /// Removes the oldest trace of an ended message, to make room.
    ///
    /// - Returns: `false` when there is none.
    private mutating func forgetOldest() -> Bool {
        guard let oldest = self.ended.popFirst() else { return false }
        self.forgottenEarly += 1
        self.changes.traces[MessageID(rawValue: oldest.number)] = .some(nil)
        return true
    }

    // MARK: The archive

    /// Removes and returns the changes since the last call.
    package mutating func takeTransitions() -> [MessageTrace] {
        guard !self.transitions.isEmpty else { return [] }
        defer { self.transitions.removeAll() }
        return self.transitions
    }

    /// Records that everything in ``changes`` is in the archive.
    package mutating func committed() {
        if !self.changes.isEmpty { self.changes = Changes() }
        assert(self.liveCount >= self.live.count, "a slot without a live trace")
    }

    /// Records that the switches in ``changes``, and the traces for which `isWritten` holds, are in the archive.
    package mutating func committedTraces(where isWritten: (MessageID, MessageTrace?) -> Bool) {
        guard !self.changes.isEmpty else { return }
        self.changes.switches = [:]
        self.changes.traces = self.changes.traces.filter { !isWritten($0.key, $0.value) }
    }

    /// Adds an entry of the archive when a store is opened. ``restored(now:)`` has to follow.
    package mutating func restore(_ trace: MessageTrace) {
        if trace.state.isEnd {
            self.ended.append(Memory(since: trace.endedAt ?? trace.changedAt, number: trace.id.rawValue))
        } else {
            self.live[trace.id.slot, default: LiveTraces()].append(trace)
            self.liveCount += 1
        }
    }

    package mutating func restore(_ use: UsedKey) {
        self.keys.append(Memory(since: use.usedAt, number: use.key.place))
    }

    package mutating func restore(_ traceSwitch: TraceSwitch, of ccid: CCID) {
        self.switches[ccid] = traceSwitch
        self.traced.insert(ccid)
    }

    /// Completes the restore: messages in flight are queued again, and ended traces are sorted by age.
    package mutating func restored(now: Timestamp) {
        for slot in self.live.keys.sorted() { self.requeued(slot, now: now) }
        self.ended = CircularBuffer(self.ended.sorted { $0.since < $1.since })
        self.keys = CircularBuffer(self.keys.sorted { $0.since < $1.since })
        // No client followed these changes while the relay was not running.
        self.transitions.removeAll()
    }
}
