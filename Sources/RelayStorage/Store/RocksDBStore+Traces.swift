import NIOCore
import RelayCore
import TTMSProtocol

/// Traces and idempotency keys: live ones in memory, ended ones in families of their own.
extension RocksDBStore {
    /// The numbers of stored traces and keys.
    public var traceTotals: TraceTotals { self.book.totals }

    /// The terminals whose switch is on.
    public var traced: TracedTerminals { self.book.traced }

    /// The changes of traced messages since the last call.
    public func takeTransitions() -> [MessageTrace] { self.book.takeTransitions() }

    /// The trace of a message; `nil` when it was not traced, or its trace is removed.
    public func trace(of id: MessageID) throws(StoreError) -> MessageTrace? {
        if let live = self.book.liveTrace(of: id) { return live }
        if let change = self.book.changes.traces[id] { return change }
        let record = try self.openDatabase().read(id.rawValue, in: .traces) { TraceRecord.read(id, from: $0) }
        guard let record else { return nil }
        guard let trace = record else { throw Self.unreadable("trace") }
        return trace
    }

    /// Ended messages of a terminal: the successive records of its slot. Staged records take precedence over those on disk.
    ///
    /// A slot can pass to another terminal (``TerminalTable``). Traces of the former terminal are then found only by their ids.
    public func endedTraces(
        of ccid: CCID,
        in state: MessageTrace.State,
        after: MessageID?,
        limit: Int
    ) throws(StoreError) -> TracePage {
        guard let slot = self.table.slot(of: ccid) else { return TracePage() }
        let first = max(MessageID(slot: slot, sequence: 0).rawValue, after.map { $0.rawValue &+ 1 } ?? 0)
        let last = MessageID(slot: slot, sequence: MessageID.maximumSequence).rawValue
        guard first <= last, after?.rawValue != .max else { return TracePage() }
        var staged = self.book.changes.traces.filter { (first...last).contains($0.key.rawValue) }
            .sorted { $0.key.rawValue < $1.key.rawValue }[...]
        let iterator = try self.openDatabase().iterator(.traces, through: last)
        iterator.seek(first)
        var page = TracePage()
        var latest: MessageID?
        var walked = 0
        while true {
            if iterator.key == nil { try iterator.check() }
            let recorded = iterator.key.flatMap { $0 <= last ? MessageID(rawValue: $0) : nil }
            let isStaged = staged.first.map { $0.key.rawValue <= recorded?.rawValue ?? .max } ?? false
            guard let id = isStaged ? staged.first?.key : recorded else { return page }
            guard page.traces.count < limit, walked < TracePage.maximumWalk else {
                page.next = latest
                return page
            }
            var trace = isStaged ? staged.removeFirst().value : nil
            if !isStaged {
                trace = TraceRecord.read(id, from: iterator.value)
                if trace == nil { throw Self.unreadable("trace") }
            }
            if recorded == id { iterator.next() }
            if let trace, trace.state == state, trace.destination == ccid { page.traces.append(trace) }
            latest = id
            walked += 1
        }
    }

    /// Stages that these acknowledged messages are confirmed.
    public func confirm(_ ids: [MessageID]) throws(StoreError) {
        for id in ids {
            guard let trace = try self.trace(of: id), trace.state == .acknowledged else { continue }
            self.book.confirmed(trace, now: self.now)
            self.staged += 1
        }
    }

    // MARK: Switches

    /// Stages that messages for a terminal are traced from now on, or no longer.
    public func setTracing(of ccid: CCID, _ traceSwitch: TraceSwitch?) {
        self.book.setSwitch(of: ccid, traceSwitch)
        self.staged += 1
    }

    /// The switch of a terminal, if it is on.
    public func tracing(of ccid: CCID) -> TraceSwitch? { self.book.traceSwitch(of: ccid, now: self.now) }

    // MARK: Keys

    /// The use of a key; `nil` when it is not known.
    public func use(of key: IdempotencyKey) throws(StoreError) -> UsedKey? {
        try self.uses(at: key.place).first { $0.key.name == key.name }
    }

    private func uses(at place: UInt64) throws(StoreError) -> [UsedKey] {
        if let uses = self.book.changes.keys[place] { return uses }
        return try self.archivedUses(at: place)
    }

    private func archivedUses(at place: UInt64) throws(StoreError) -> [UsedKey] {
        let record = try self.openDatabase().read(place, in: .keys) { KeyRecord.read($0) }
        guard let record else { return [] }
        guard let uses = record else { throw Self.unreadable("key") }
        return uses
    }

    /// Stages the use of a key for a message that is staged, too.
    public func remember(_ use: UsedKey) throws(StoreError) {
        let others = try self.uses(at: use.key.place).filter { $0.key.name != use.key.name }
        self.book.remember(others + [use], at: use.key.place, usedAt: use.usedAt, maximum: self.limits.traces)
        self.staged += 1
        self.stagedGrowth += 1
    }

    /// Records the answer to a client for a use of its key.
    public func noteAnswer(_ answer: InjectionOutcome.State, to key: IdempotencyKey) throws(StoreError) {
        let uses = try self.uses(at: key.place).map { $0.key.name == key.name ? $0.answered(answer) : $0 }
        if !uses.isEmpty { self.book.replace(uses, at: key.place) }
    }

    // MARK: Forgetting

    /// Stages the removal of traces and keys whose retention is over, and of switches that have ended.
    public func forget(limit: Int) throws(StoreError) -> Int {
        let retention = Int64(self.limits.traceRetention)
        let forgotten = try self.book.forget(
            now: self.now,
            retention: retention,
            maximum: self.limits.traces,
            limit: limit
        ) { place throws(StoreError) in
            try self.archivedUses(at: place)
        }
        self.staged += forgotten
        return forgotten
    }

    // MARK: The archive

    /// Adds all changes of traces and keys to the batch. Without growth, this leaves out those of frames that are only staged:
    /// their traces, and all keys.
    func addTraces(in database: Database, _ scope: CommitScope) {
        let changes = self.book.changes
        guard !changes.isEmpty else { return }
        var buffer = ByteBuffer()
        for (id, trace) in changes.traces where scope == .all || self.isOfStoredFrame(id, trace) {
            self.add(trace, under: id.rawValue, in: database.family(.traces), &buffer, TraceRecord.write)
        }
        for (place, uses) in changes.keys where scope == .all {
            self.add(uses.isEmpty ? nil : uses, under: place, in: database.family(.keys), &buffer, KeyRecord.write)
        }
        for (ccid, traceSwitch) in changes.switches {
            let key = MetaKey.traceSwitch(ccid)
            self.add(traceSwitch, under: key, in: database.family(.meta), &buffer, SwitchRecord.write)
        }
    }

    /// Whether a trace can be written before the staged frames. After a crash, the ids of staged frames are used again.
    func isOfStoredFrame(_ id: MessageID, _ trace: MessageTrace?) -> Bool {
        guard trace != nil, let slot = self.table.slot(of: id) else { return true }
        return id.sequence < self.firstStaged(in: slot)
    }

    private func add<Value>(
        _ value: Value?,
        under key: UInt64,
        in family: OpaquePointer,
        _ buffer: inout ByteBuffer,
        _ write: (Value, inout ByteBuffer) -> Void
    ) {
        guard let value else { return self.batch.remove(key, in: family) }
        buffer.clear()
        write(value, &buffer)
        buffer.withUnsafeReadableBytes { self.batch.put(key, $0, in: family) }
    }

    /// Reads the traces, keys and switches of the database.
    func loadTraces(of database: Database) throws(StoreError) {
        try self.load(.traces, of: database) { key, value in
            TraceRecord.read(MessageID(rawValue: key), from: value).map { self.book.restore($0) }
        }
        try self.load(.keys, of: database) { _, value in
            KeyRecord.read(value).map { uses in for use in uses { self.book.restore(use) } }
        }
        try self.load(.meta, from: MetaKey.firstSwitch, of: database) { key, value in
            guard let ccid = MetaKey.switched(key) else { return nil }
            return SwitchRecord.read(value).map { self.book.restore($0, of: ccid) }
        }
        self.book.restored(now: self.clock.last)
    }

    private func load(
        _ family: Database.Family,
        from first: UInt64 = 0,
        of database: Database,
        _ restore: (UInt64, UnsafeRawBufferPointer) -> Void?
    ) throws(StoreError) {
        let iterator = try database.iterator(family)
        iterator.seek(first)
        while let key = iterator.key {
            guard restore(key, iterator.value) != nil else { throw Self.unreadable("\(family)") }
            iterator.next()
        }
        try iterator.check()
    }
}
