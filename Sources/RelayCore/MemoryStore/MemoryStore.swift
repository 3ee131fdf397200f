import NIOCore
import TTMSProtocol

/// Reference implementation of ``MessageStore``: simple, in memory, and never durable.
///
/// It defines the contract: the store on disk has to behave like it, call by call.
public final class MemoryStore: MessageStore {
    /// Caps, policy, and the default time to live.
    public var limits: StoreLimits {
        didSet { if self.limits != oldValue { self.noteLimits() } }
    }
    /// Stored frames and bytes, and counters of all others.
    public private(set) var totals = StoreTotals()
    /// Terminals with stored frames.
    public let kept = KeptTerminals()
    /// Terminals without room.
    public let full = FullTerminals()
    /// Number of changes since the last commit.
    public internal(set) var staged = 0

    /// Number of frames added since the last commit.
    public var stagedGrowth: Int { self.stagedIDs.count }

    /// Whether a run that begins with durable frames ends before the first staged one.
    public var readsStagedApart = false

    private var stagedIDs: Set<MessageID> = []
    private var queues: [CCID: MemoryQueue] = [:]
    /// The terminal of each slot.
    private var ccids: [CCID] = []
    private var clock = AcceptanceClock()
    private var budget = EvictionBudget()
    /// Terminals that an append has left beyond their cap.
    private var overfull: Set<CCID> = []
    private var isOverfull = false
    /// Time of the work that is carried out now.
    public var now = Timestamp(microseconds: 0)
    var book = TraceBook()
    /// Traces of messages that have ended.
    var endedTraces: [MessageID: MessageTrace] = [:]
    /// Uses of keys by ``IdempotencyKey/place``.
    var usedKeys: [UInt64: [UsedKey]] = [:]
    /// Number of frames in flight.
    public private(set) var inFlightFrames = 0
    private var inFlightBytes = 0

    /// Makes an empty store.
    public init(limits: StoreLimits = StoreLimits()) {
        self.limits = limits
        self.noteLimits()
    }

    /// Opens the contents of `other` like a store on disk after a crash: all stored frames are queued.
    package init(reopening other: MemoryStore) {
        self.limits = other.limits
        self.totals = other.totals
        self.queues = other.queues
        self.ccids = other.ccids
        self.clock = other.clock
        self.inFlightFrames = other.inFlightFrames
        self.inFlightBytes = other.inFlightBytes
        for (ccid, queue) in self.queues where !queue.isEmpty { self.kept.insert(ccid) }
        self.restart()
        self.noteLimits()
    }

    /// Continues like a store on disk that was closed and opened again. All stored frames are queued, and of each queue's last
    /// acceptance time only a bound is known.
    package func restart() {
        for ccid in self.ccids {
            self.rewind(ccid)
            self.queues[ccid]?.lastAcceptedAt = self.clock.last
        }
    }

    private func noteLimits() {
        self.full.reset(policy: self.limits.policy)
        for (ccid, queue) in self.queues {
            self.full.note(ccid, queue.load, all: self.load, terminals: self.totals.terminals, self.limits)
        }
    }

    // MARK: Appending

    /// Appends a copy of `frame`, with evictions or a rejection according to the caps.
    public func append(
        _ frame: UnsafeRawBufferPointer,
        to ccid: CCID,
        acceptedAt: Timestamp,
        timeToLive: UInt32?,
        isInFlight: Bool,
        isTraced: Bool
    ) throws(StoreError) -> AppendOutcome {
        guard let id = self.nextID(of: ccid) else { return self.reject(.identifiers) }
        let isFirst = (self.queues[ccid]?.load.frames ?? 0) == 0
        let mayBeRefused = !isInFlight && self.limits.policy != .pushBack
        if mayBeRefused, isFirst, self.totals.terminals >= self.limits.terminals { return self.reject(.terminals) }
        if mayBeRefused, let cap = self.makeRoom(for: ccid, size: frame.count) {
            return self.reject(cap)
        }

        let previous = self.queues[ccid]?.lastAcceptedAt ?? Timestamp(microseconds: .min)
        let acceptedAt = self.clock.next(acceptedAt, after: previous)
        let message = StoredMessage(
            id: id,
            destination: ccid,
            frame: Array(frame),
            acceptedAt: acceptedAt,
            expiresAt: acceptedAt.expiry(timeToLive: timeToLive ?? self.limits.timeToLive),
            isInFlight: false
        )
        if self.queues[ccid] == nil { self.ccids.append(ccid) }
        var isWritten = false
        self.mutate(ccid, default: MemoryQueue(slot: id.slot)) { queue in
            queue.append(message)
            isWritten = isInFlight && queue.queued.count == 1
            if isWritten { queue.takeNext() }
        }
        let isSwitched = self.book.isTracing(ccid, now: self.now)
        if isTraced || isSwitched {
            let trace = MessageTrace(
                id: id,
                destination: ccid,
                frame: frame,
                acceptedAt: acceptedAt,
                expiresAt: message.expiresAt
            )
            self.book.begin(trace, isSwitched: isSwitched, maximum: self.limits.traces, now: self.now)
            if isWritten { _ = self.book.written([id], now: self.now) }
        }
        self.totals.appended += 1
        self.staged += 1
        self.stagedIDs.insert(id)
        return .queued(id)
    }

    private func nextID(of ccid: CCID) -> MessageID? {
        if let queue = self.queues[ccid] { return queue.nextID }
        return UInt32(exactly: self.ccids.count)
            .flatMap { $0 > MessageID.maximumSlot ? nil : MemoryQueue(slot: $0).nextID }
    }

    /// Evicts until a frame of `size` bytes fits.
    ///
    /// - Returns: the cap that leaves no room even so; `nil` when the frame fits.
    private func makeRoom(for ccid: CCID, size: Int) -> StoreLimits.Cap? {
        self.budget.begin(size: size)
        while true {
            switch self.limits.admission(size: size, terminal: self.queues[ccid]?.load ?? StoreLoad(), all: self.load) {
            case .admitted: return nil
            case .rejected(let cap): return cap
            case .evictOfTerminal:
                guard self.budget.isLeft else {
                    self.overfull.insert(ccid)
                    return nil
                }
                self.budget.spend(bytes: self.evictOldest(of: ccid))
            case .evictOfAll:
                guard self.budget.isLeft else {
                    self.isOverfull = true
                    return nil
                }
                guard let oldest = self.oldestOfAll else { return .totalFrames }
                self.budget.spend(bytes: self.evictOldest(of: oldest))
            }
        }
    }

    /// Terminal with the oldest queued frame.
    private var oldestOfAll: CCID? {
        let oldest = self.queues.values.compactMap(\.queued.first).min {
            ($0.acceptedAt, $0.id.slot) < ($1.acceptedAt, $1.id.slot)
        }
        return oldest?.destination
    }

    /// - Returns: the frame's bytes.
    private func evictOldest(of ccid: CCID) -> Int {
        let bytes = self.queues[ccid]?.queued.first?.frame.count ?? 0
        self.end(of: ccid, as: \.evicted) { _ in true }
        return bytes
    }

    /// Evicts frames beyond the caps.
    public func trim(limit: Int) throws(StoreError) -> Int {
        guard self.limits.policy == .dropOldest else {
            self.overfull = []
            self.isOverfull = false
            return 0
        }
        var evicted = 0
        while let ccid = self.overfull.min(by: { $0.rawValue < $1.rawValue }) {
            while let queue = self.queues[ccid], !queue.queued.isEmpty, self.limits.isOver(terminal: queue.load) {
                guard evicted < limit else { return limit }
                _ = self.evictOldest(of: ccid)
                evicted += 1
            }
            self.overfull.remove(ccid)
        }
        while self.isOverfull, self.limits.isOver(all: self.load), let ccid = self.oldestOfAll {
            guard evicted < limit else { return limit }
            _ = self.evictOldest(of: ccid)
            evicted += 1
        }
        self.isOverfull = false
        return evicted
    }

    private func reject(_ cap: StoreLimits.Cap) -> AppendOutcome {
        self.countRefused()
        return .rejected(cap)
    }

    /// Counts a rejected frame.
    public func countRefused() {
        self.totals.rejected += 1
        self.staged += 1
    }

    // MARK: Delivering

    /// Puts the oldest queued frames in flight; expires those whose time to live has ended.
    public func readNext(of ccid: CCID, maximumBytes: Int, now: Timestamp) throws(StoreError) -> StoredRun {
        var run = StoredRun()
        var expired = 0
        while let message = self.queues[ccid]?.queued.first {
            if message.isOver(by: now) {
                expired += 1
                if expired > StoreLimits.expiriesPerRead {
                    run.hasMore = true
                    break
                }
                self.end(of: ccid, as: \.expired) { $0.id == message.id }
                continue
            }
            let isApart = self.readsStagedApart && self.stagedIDs.contains(message.id)
            if let last = run.marks.last,
                run.bytes.readableBytes + message.frame.count > maximumBytes || (isApart && !self.stagedIDs.contains(last.id))
            {
                run.hasMore = true
                break
            }
            self.mutate(ccid) { $0.takeNext() }
            run.oldestAcceptedAt = run.oldestAcceptedAt ?? message.acceptedAt
            run.bytes.writeBytes(message.frame)
            run.marks.append(StoredRun.Mark(end: run.bytes.writerIndex, id: message.id))
        }
        if let slot = run.marks.first?.id.slot, !self.book.isSilent(slot) {
            run.traced = self.book.written(run.marks.lazy.map(\.id), now: self.now)
        }
        return run
    }

    /// Ends the frames in flight up to `through`.
    @discardableResult
    public func remove(of ccid: CCID, through: MessageID) throws(StoreError) -> Int {
        guard self.queues[ccid]?.slot == through.slot else { return 0 }
        var removed: [MessageID] = []
        self.mutate(ccid) { queue in
            while let message = queue.removeOldestInFlight(through: through) { removed.append(message.id) }
        }
        for id in removed { self.book.ended(id, as: .acknowledged, now: self.now) }
        self.totals.removed += UInt64(removed.count)
        self.staged += removed.count
        return removed.count
    }

    /// Requeues all frames in flight.
    public func rewind(_ ccid: CCID) {
        self.mutate(ccid) { queue in
            while queue.putBack() != nil {}
        }
        if let slot = self.queues[ccid]?.slot { self.book.requeued(slot, now: self.now) }
    }

    // MARK: Ending without delivery

    /// Deletes one queued message.
    public func delete(_ id: MessageID) throws(StoreError) -> DeleteOutcome {
        guard let ccid = self.ccid(of: id), let queue = self.queues[ccid] else { return .unknown }
        if queue.inFlight.contains(where: { $0.id == id }) { return .inFlight }
        return self.end(of: ccid, as: \.deleted) { $0.id == id } ? .deleted : .unknown
    }

    /// Deletes queued messages of a terminal.
    public func deleteAll(of ccid: CCID, through: MessageID?, limit: Int) throws(StoreError) -> BulkDeletion {
        guard let last = through ?? self.queues[ccid]?.queued.last?.id else { return BulkDeletion(frames: 0) }
        var deleted = 0
        while let first = self.queues[ccid]?.queued.first, first.id.rawValue <= last.rawValue {
            guard deleted < limit else { return BulkDeletion(frames: deleted, rest: last) }
            self.end(of: ccid, as: \.deleted) { _ in true }
            deleted += 1
        }
        return BulkDeletion(frames: deleted)
    }

    /// Expires queued messages whose time to live has ended.
    public func expire(now: Timestamp, limit: Int) throws(StoreError) -> Int {
        var expired = 0
        for ccid in self.ccids {
            while expired < limit, self.end(of: ccid, as: \.expired, where: { $0.isOver(by: now) }) { expired += 1 }
        }
        return expired
    }

    // MARK: Committing

    /// Makes the staged changes count as committed; nothing is durable in memory.
    public func commit() throws(StoreError) {
        for (id, trace) in self.book.changes.traces { self.endedTraces[id] = trace.flatMap { $0.state.isEnd ? $0 : nil } }
        for (place, uses) in self.book.changes.keys { self.usedKeys[place] = uses.isEmpty ? nil : uses }
        self.book.committed()
        self.staged = 0
        self.budget.renew()
        self.stagedIDs.removeAll()
        self.checkInvariants()
    }

    /// Commits everything: memory needs no room on a disk.
    public func commitEnds() throws(StoreError) {
        try self.commit()
    }

    /// Does nothing: memory cannot be displaced.
    public func check() throws(StoreError) {}

    /// Commits.
    public func close() throws(StoreError) {
        try self.commit()
    }

    // MARK: Inspection

    /// Number of stored frames that were staged since the last commit.
    public var stagedFrames: Int {
        let kept = self.queues.values.flatMap { Array($0.inFlight) + Array($0.queued) }
        return kept.count { self.stagedIDs.contains($0.id) }
    }

    /// Whether a message has been added since the last commit.
    public func isStaged(_ id: MessageID) -> Bool { self.stagedIDs.contains(id) }

    /// Whether frames for `ccid` have been staged since the last commit.
    public func hasStagedFrames(for ccid: CCID) -> Bool {
        self.stagedIDs.contains { self.ccid(of: $0) == ccid }
    }

    /// Returns the backlog of `ccid`.
    public func backlog(of ccid: CCID) -> Backlog {
        guard let queue = self.queues[ccid] else { return Backlog() }
        return Backlog(
            frames: queue.load.frames,
            bytes: queue.load.bytes,
            inFlightFrames: queue.load.inFlightFrames,
            oldestAcceptedAt: queue.oldest?.acceptedAt
        )
    }

    /// Returns terminals with stored frames, in the order of their CCIDs.
    public func terminals(after: CCID?, limit: Int) -> [TerminalBacklog] {
        let ccids = self.queues.filter { !$0.value.isEmpty }.keys
            .filter { ccid in after.map { ccid > $0 } ?? true }
            .sorted()
        return ccids.prefix(max(limit, 0)).map { TerminalBacklog(ccid: $0, backlog: self.backlog(of: $0)) }
    }

    /// Returns messages of a terminal, oldest first.
    public func messages(of ccid: CCID, after: MessageID?, limit: Int) throws(StoreError) -> [StoredMessage] {
        guard let queue = self.queues[ccid] else { return [] }
        let messages = queue.inFlight.map { ($0, true) } + queue.queued.map { ($0, false) }
        let behind = messages.filter { message, _ in after.map { message.id.rawValue > $0.rawValue } ?? true }
        return behind.prefix(max(limit, 0)).map { $0.with(self.book.liveTrace(of: $0.id), isInFlight: $1) }
    }

    /// Returns the message with this id.
    public func message(_ id: MessageID) throws(StoreError) -> StoredMessage? {
        guard let ccid = self.ccid(of: id) else { return nil }
        return try self.messages(of: ccid, after: nil, limit: .max).first { $0.id == id }
    }

    /// Returns the number of stored frames before a message.
    public func framesAhead(of id: MessageID) throws(StoreError) -> Int? {
        guard let ccid = self.ccid(of: id) else { return nil }
        return try self.messages(of: ccid, after: nil, limit: .max).firstIndex { $0.id == id }
    }

    /// Appends to a copy of this store, and compares.
    public func preview(size: Int, to ccid: CCID, timeToLive: UInt32?) throws(StoreError) -> AppendPreview {
        let copy = MemoryStore(limits: self.limits)
        if self.limits.policy == .pushBack { copy.limits.policy = .rejectNewest }
        (copy.queues, copy.ccids, copy.totals) = (self.queues, self.ccids, self.totals)
        (copy.inFlightFrames, copy.inFlightBytes) = (self.inFlightFrames, self.inFlightBytes)
        copy.budget = self.budget
        let outcome = [UInt8](repeating: 0, count: size).withUnsafeBytes { frame in
            Result { () throws(StoreError) in
                try copy.append(frame, to: ccid, acceptedAt: self.clock.last, timeToLive: timeToLive, isInFlight: false)
            }
        }
        var preview = AppendPreview(framesAhead: 0, timeToLive: timeToLive ?? self.limits.timeToLive)
        if case .rejected(let cap) = try outcome.get() { preview.rejection = cap }
        let evicted = self.queues.values.flatMap(\.queued).filter { message in
            !(copy.queues[message.destination]?.queued.contains { $0.id == message.id } ?? false)
        }
        preview.evictedFrames = evicted.count
        preview.evicted = evicted.sorted { $0.acceptedAt < $1.acceptedAt }.prefix(AppendPreview.maximumListed).map(\.id)
        let kept = copy.queues[ccid]?.load.frames ?? 0
        preview.framesAhead = preview.rejection == nil ? kept - 1 : kept
        assert(preview.framesAhead >= 0 && preview.evicted.count <= preview.evictedFrames)
        return preview
    }

    // MARK: Counting

    private var load: StoreLoad {
        StoreLoad(
            frames: self.totals.frames,
            bytes: self.totals.bytes,
            inFlightFrames: self.inFlightFrames,
            inFlightBytes: self.inFlightBytes
        )
    }

    private func ccid(of id: MessageID) -> CCID? {
        Int(id.slot) < self.ccids.count ? self.ccids[Int(id.slot)] : nil
    }

    /// Ends the first queued frame of `ccid` for which `predicate` holds, without delivery, and counts it at `end`.
    ///
    /// - Returns: whether there was one.
    @discardableResult
    private func end(
        of ccid: CCID,
        as end: WritableKeyPath<StoreTotals, UInt64>,
        where predicate: (StoredMessage) -> Bool
    ) -> Bool {
        var ended: StoredMessage?
        self.mutate(ccid) { ended = $0.removeQueued(where: predicate) }
        guard let ended else { return false }
        self.book.ended(ended.id, as: MessageTrace.State(countedAt: end), now: self.now)
        self.totals[keyPath: end] += 1
        self.staged += 1
        return true
    }

    /// Changes a queue, and the totals along with it.
    private func mutate(_ ccid: CCID, default: MemoryQueue? = nil, _ body: (inout MemoryQueue) -> Void) {
        // The queue is removed from the dictionary during the change, so that its buffers are not copied.
        guard var queue = self.queues.removeValue(forKey: ccid) ?? `default` else { return }
        let before = queue.load
        body(&queue)
        let after = queue.load
        self.queues[ccid] = queue
        self.totals.frames += after.frames - before.frames
        self.totals.bytes += after.bytes - before.bytes
        self.inFlightFrames += after.inFlightFrames - before.inFlightFrames
        self.inFlightBytes += after.inFlightBytes - before.inFlightBytes
        self.totals.terminals += (after.frames > 0 ? 1 : 0) - (before.frames > 0 ? 1 : 0)
        if before.frames == 0, after.frames > 0 { self.kept.insert(ccid) }
        if before.frames > 0, after.frames == 0 { self.kept.remove(ccid) }
        assert(self.totals.frames >= 0 && self.totals.bytes >= 0 && self.totals.terminals >= 0)
        assert((0...self.totals.frames).contains(self.inFlightFrames) && (0...self.totals.bytes).contains(self.inFlightBytes))
        self.full.note(ccid, after, all: self.load, terminals: self.totals.terminals, self.limits)
    }

    private func checkInvariants() {
        let totals = self.totals
        let ends = totals.removed + totals.expired + totals.deleted + totals.evicted
        assert(totals.appended == UInt64(totals.frames) + ends, "every appended frame is stored or has ended")
        assert(self.kept.count == totals.terminals, "terminals with stored frames that other threads do not see")
        assert(self.queues.count == self.ccids.count, "one slot for each queue")
    }
}

extension StoredMessage {
    fileprivate func isOver(by now: Timestamp) -> Bool {
        self.expiresAt.map { $0 <= now } ?? false
    }

    /// Returns the message with its present trace and place.
    fileprivate func with(_ trace: MessageTrace?, isInFlight: Bool) -> StoredMessage {
        StoredMessage(
            id: self.id,
            destination: self.destination,
            frame: self.frame,
            acceptedAt: self.acceptedAt,
            expiresAt: self.expiresAt,
            isInFlight: isInFlight,
            trace: trace
        )
    }
}
