import NIOCore
import TTMSProtocol

/// Which messages are traced, and what has to be written of that: the part of a ``TraceStore`` that all stores share.
///
/// Traces of messages that are kept are here, by slot and in the order of their sequences. Those that have ended are in the store's
/// archive, and only the order in which they are to be forgotten is here, 16 bytes each. Invariants:
/// 1. A trace is live here, or ended and in the archive as ``changes`` leave it, never both.
/// 2. ``changes`` are what the archive lacks; the store writes them with its commit, and says so (``committed()``).
/// While no message is traced, nothing here costs more than a look whether a dictionary is empty.
package struct TraceBook {
    /// What is to be written. `nil` is to be deleted.
    package struct Changes {
        package var traces: [MessageID: MessageTrace?] = [:]
        /// By ``IdempotencyKey/place``.
        package var keys: [UInt64: [UsedKey]] = [:]
        package var switches: [CCID: TraceSwitch?] = [:]

        package var isEmpty: Bool { self.traces.isEmpty && self.keys.isEmpty && self.switches.isEmpty }
    }

    /// Something that is forgotten some time, by a number that finds it.
    private struct Memory {
        var since: Timestamp
        var number: UInt64
    }

    package private(set) var changes = Changes()
    package let traced = TracedTerminals()
    private var live: [UInt32: LiveTraces] = [:]
    private var liveCount = 0
    private var switches: [CCID: TraceSwitch] = [:]
    /// The oldest first.
    private var ended = CircularBuffer<Memory>(initialCapacity: 0)
    private var keys = CircularBuffer<Memory>(initialCapacity: 0)
    private var transitions: [MessageTrace] = []
    private var untraced: UInt64 = 0
    private var forgottenEarly: UInt64 = 0

    package init() {}

    /// How much is remembered, with what is still to be written.
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
    }

    private mutating func countSwitched(_ ccid: CCID) {
        guard var traceSwitch = self.switches[ccid] else { return }
        traceSwitch.remaining = traceSwitch.remaining > 0 ? traceSwitch.remaining - 1 : 0
        self.setSwitch(of: ccid, traceSwitch.remaining == 0 ? nil : traceSwitch)
    }

    // MARK: Live messages

    /// Begins the trace of a message that goes to disk now, unless all that may be remembered is of messages still kept.
    ///
    /// - Parameter isSwitched: it is traced because of its terminal's switch.
    package mutating func begin(_ trace: MessageTrace, isSwitched: Bool, maximum: Int, now: Timestamp) {
        if isSwitched { self.countSwitched(trace.destination) }
        // Where the maximum has become lower, this one's place is made here, and the rest goes with the sweeps.
        for _ in 0..<2 where self.liveCount + self.ended.count >= maximum {
            guard self.forgetOldest() else {
                self.untraced += 1
                return
            }
        }
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

    /// The trace of a message that is kept.
    package func liveTrace(of id: MessageID) -> MessageTrace? {
        self.live[id.slot]?[id.sequence]
    }

    /// Messages were read for delivery.
    ///
    /// - Returns: those of them that are traced.
    package mutating func written(_ ids: some Sequence<MessageID>, now: Timestamp) -> [MessageID] {
        var traced: [MessageID] = []
        for id in ids where self.change(id, { $0.written(at: now) }) { traced.append(id) }
        return traced
    }

    /// Messages in flight of `slot` are queued again, all of them.
    package mutating func requeued(_ slot: UInt32, now: Timestamp) {
        for id in self.live[slot]?.inFlight ?? [] { self.change(id) { $0.requeued(at: now) } }
    }

    /// A message has ended.
    package mutating func ended(_ id: MessageID, as state: MessageTrace.State, now: Timestamp) {
        guard var trace = self.live[id.slot]?.remove(id.sequence) else { return }
        if self.live[id.slot]?.isEmpty ?? false { self.live[id.slot] = nil }
        self.liveCount -= 1
        if state == .acknowledged { trace.acknowledged(at: now) } else { trace.dropped(state, at: now) }
        self.ended.append(Memory(since: trace.endedAt ?? trace.changedAt, number: id.rawValue))
        self.note(trace)
    }

    /// All messages of `slot` with sequences in `range` have ended.
    package mutating func ended(_ slot: UInt32, _ range: Range<UInt64>, as state: MessageTrace.State, now: Timestamp) {
        for id in self.liveIDs(slot, range, limit: .max) { self.ended(id, as: state, now: now) }
    }

    /// The first traced messages of `slot` with sequences in `range` that are kept.
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

    /// A message whose trace lies in the archive is confirmed.
    package mutating func confirmed(_ trace: MessageTrace, now: Timestamp) {
        var trace = trace
        trace.confirmed(at: now)
        self.note(trace)
    }

    // MARK: Keys

    /// A key was used: `uses` are all that have its place, this one being the last.
    package mutating func remember(_ uses: [UsedKey], at place: UInt64, usedAt: Timestamp, maximum: Int) {
        self.changes.keys[place] = uses
        self.keys.append(Memory(since: usedAt, number: place))
        while self.keys.count > max(maximum, 1), let oldest = self.keys.popFirst() { self.overdueKeys.append(oldest) }
    }

    /// The uses that have a place are now these.
    package mutating func replace(_ uses: [UsedKey], at place: UInt64) {
        self.changes.keys[place] = uses
    }

    /// Keys beyond the maximum, which go at the next ``forget(now:retention:limit:keysAt:)``.
    private var overdueKeys: [Memory] = []

    // MARK: Forgetting

    /// Forgets what has been remembered for longer than `retention` seconds, and switches off what is over.
    ///
    /// - Parameters:
    ///   - maximum: traces that may be remembered.
    ///   - keysAt: the uses that have a place in the archive.
    /// - Returns: how many traces and keys were forgotten.
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
        return forgotten
    }

    /// Forgets the ended message whose trace is the oldest, to make room.
    ///
    /// - Returns: `false` when there is none.
    private mutating func forgetOldest() -> Bool {
        guard let oldest = self.ended.popFirst() else { return false }
        self.forgottenEarly += 1
        self.changes.traces[MessageID(rawValue: oldest.number)] = .some(nil)
        return true
    }

    // MARK: The archive

    /// Takes what happened since the last call.
    package mutating func takeTransitions() -> [MessageTrace] {
        guard !self.transitions.isEmpty else { return [] }
        defer { self.transitions.removeAll() }
        return self.transitions
    }

    /// Everything in ``changes`` is in the archive.
    package mutating func committed() {
        if !self.changes.isEmpty { self.changes = Changes() }
    }

    /// Of ``changes``, the switches and those traces are in the archive for which this holds.
    package mutating func committedTraces(where isWritten: (MessageID, MessageTrace?) -> Bool) {
        guard !self.changes.isEmpty else { return }
        self.changes.switches = [:]
        self.changes.traces = self.changes.traces.filter { !isWritten($0.key, $0.value) }
    }

    /// Takes over what an archive holds, when a store is opened. ``restored(now:)`` has to follow.
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

    /// Everything has been taken over: what was in flight is queued again, and the oldest goes first.
    package mutating func restored(now: Timestamp) {
        for slot in self.live.keys.sorted() { self.requeued(slot, now: now) }
        self.ended = CircularBuffer(self.ended.sorted { $0.since < $1.since })
        self.keys = CircularBuffer(self.keys.sorted { $0.since < $1.since })
        // Nobody followed them when the relay was not there.
        self.transitions.removeAll()
    }
}
