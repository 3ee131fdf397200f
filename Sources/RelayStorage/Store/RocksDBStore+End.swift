import RelayCore
import TTMSProtocol

/// A queued frame that ends without delivery.
struct EndedFrame {
    let sequence: UInt64
    let acceptedAt: Int64
    let size: Int
    let place: StoredFrame.Place

    init(_ frame: StoredFrame) {
        self.sequence = frame.sequence
        self.acceptedAt = frame.acceptedAt
        self.size = frame.bytes.count
        self.place = frame.place
    }
}

/// The progress of the search for expired frames in a queue whose frames do not expire in order.
struct ExpiryScan {
    /// The first frame that was not checked.
    var position: UInt64
    /// The earliest expiry of the checked frames, µs.
    var earliest: Int64
}

/// Ends of frames without delivery: deletion and expiry. Eviction is in `RocksDBStore+Evict.swift`.
extension RocksDBStore {
    /// Stages the deletion of one queued message.
    public func delete(_ id: MessageID) throws(StoreError) -> DeleteOutcome {
        guard let slot = self.table.slot(of: id) else { return .unknown }
        let queue = self.table[slot]
        guard id.sequence >= queue.cursor, id.sequence < queue.next else {
            return queue.inFlight.contains { $0.sequence == id.sequence } ? .inFlight : .unknown
        }
        var found: EndedFrame?
        try self.walk(slot, from: id.sequence) { frame in
            if frame.sequence == id.sequence { found = EndedFrame(frame) }
            return false
        }
        guard let found else { return .unknown }
        if id.sequence == queue.cursor {
            self.table[slot].advance(to: id.sequence + 1, acceptedAt: nil, lastAcceptedAt: found.acceptedAt)
        }
        try self.end([found], of: slot, as: \.deleted)
        return .deleted
    }

    /// Stages the deletion of queued messages of `ccid`: all at once, unless many of them are traced.
    public func deleteAll(of ccid: CCID, through: MessageID?, limit: Int) throws(StoreError) -> BulkDeletion {
        guard let slot = self.table.slot(of: ccid), self.table[slot].queuedFrames > 0 else { return BulkDeletion(frames: 0) }
        let queue = self.table[slot]
        let last = through ?? MessageID(slot: slot, sequence: queue.next - 1)
        guard last.slot == slot, last.sequence >= queue.cursor else { return BulkDeletion(frames: 0) }
        let isAll = last.sequence == queue.next - 1
        let traced = self.book.isSilent(slot) ? [] : self.book.liveIDs(slot, queue.cursor..<queue.next, limit: limit + 1)
        guard isAll, traced.count <= limit else { return try self.deleteSome(of: slot, through: last, limit: limit) }
        if !queue.inFlight.isEmpty { try self.punchQueued(of: slot) }
        let frames = queue.queuedFrames
        for id in traced { self.book.ended(id, as: .deleted, now: self.now) }
        self.table[slot].advance(to: queue.next, acceptedAt: nil, lastAcceptedAt: queue.oldestQueuedAt)
        self.count(frames, bytes: queue.bytes - queue.inFlightBytes, of: slot, as: \.deleted)
        return BulkDeletion(frames: frames)
    }

    private func deleteSome(of slot: UInt32, through last: MessageID, limit: Int) throws(StoreError) -> BulkDeletion {
        var ended: [EndedFrame] = []
        var follower: (sequence: UInt64, acceptedAt: Int64)?
        try self.walk(slot, from: self.table[slot].cursor) { frame in
            guard frame.sequence <= last.sequence, ended.count < limit else {
                follower = (frame.sequence, frame.acceptedAt)
                return false
            }
            ended.append(EndedFrame(frame))
            return true
        }
        self.table[slot].advance(
            to: follower?.sequence ?? self.table[slot].next,
            acceptedAt: follower?.acceptedAt,
            lastAcceptedAt: ended.last?.acceptedAt ?? self.table[slot].oldestQueuedAt
        )
        try self.end(ended, of: slot, as: \.deleted)
        let isDone = follower.map { $0.sequence > last.sequence } ?? true
        return BulkDeletion(frames: ended.count, rest: isDone ? nil : last)
    }

    /// Makes holes of all queued frames of a queue that has frames in flight before them.
    private func punchQueued(of slot: UInt32) throws(StoreError) {
        let queue = self.table[slot]
        let base = MessageID(slot: slot, sequence: 0).rawValue
        // The chunk at the cursor may hold frames in flight; all later chunks on disk are removed as a whole.
        var punched: [EndedFrame] = []
        var wholeFrom: UInt64?
        try self.walk(slot, from: queue.cursor) { frame in
            guard case .chunk(let key) = frame.place, key >= base + queue.cursor else {
                punched.append(EndedFrame(frame))
                return true
            }
            wholeFrom = key
            return false
        }
        if let wholeFrom {
            let firstStaged = queue.staged.map { self.staging.pieces[$0.first].sequence } ?? queue.next
            try self.walk(slot, from: firstStaged) { frame in
                punched.append(EndedFrame(frame))
                return true
            }
            try self.punch(punched)
            self.staging.remove(wholeFrom..<(base + firstStaged))
        } else {
            try self.punch(punched)
        }
    }

    /// Stages the expiry of queued messages whose time to live is over by `now`.
    public func expire(now: Timestamp, limit: Int) throws(StoreError) -> Int {
        // The iterator is released here, so that obsolete files need not wait for the next commit.
        self.iterator = nil
        self.maintainSpace()
        self.latestTime = max(self.latestTime, now)
        // Without commits, nothing else records the time for the next start.
        if self.totals.frames > 0, self.latestTime.microseconds &- self.notedTime.microseconds > Self.noteInterval {
            self.noteTime(self.commitNumber)
        }
        var expired = 0
        var work = 0
        while expired < limit, let (slot, time) = self.expiries.popFirst(through: now.microseconds) {
            do throws(StoreError) {
                expired += try self.expire(in: slot, since: time, now: now, limit: limit - expired, &work)
            } catch {
                self.expiries.schedule(slot, at: time)
                throw error
            }
            if work >= Self.maximumWork { return limit }
        }
        return expired
    }

    /// Frames that one call checks at most, which takes a few milliseconds.
    private static let maximumWork = 5_000
    /// The work of opening a queue, in frames.
    private static let workPerQueue = 20

    /// The longest lag of the recorded time, in microseconds.
    private static let noteInterval: Int64 = 3_600 * 1_000_000

    /// Expires frames of one queue. Frames with one time to live expire in order, so the first one that has not expired ends
    /// the search. A mixed queue is searched as far as the work allows, and from there at the next call (``ExpiryScan``).
    ///
    /// - Parameter time: the time for which the queue was scheduled.
    private func expire(
        in slot: UInt32,
        since time: Int64,
        now: Timestamp,
        limit: Int,
        _ work: inout Int
    ) throws(StoreError) -> Int {
        work += Self.workPerQueue
        let scan = self.scans.removeValue(forKey: slot)
        guard self.table[slot].queuedFrames > 0 else { return 0 }
        let isMixed = self.table[slot].isMixed
        let cursor = self.table[slot].cursor
        let start = max(scan?.position ?? cursor, cursor)
        let maximumWork = max(Self.maximumWork - work, Self.workPerQueue)
        var ended: [EndedFrame] = []
        var earliest = scan?.earliest ?? .max
        var survivor: (sequence: UInt64, acceptedAt: Int64)?
        var rest: (sequence: UInt64, acceptedAt: Int64)?
        var walked = 0
        try self.walk(slot, from: start) { frame in
            let isOver = frame.expiresAt.map { $0 <= now } ?? false
            guard walked < maximumWork, !isOver || ended.count < limit else {
                rest = (frame.sequence, frame.acceptedAt)
                return false
            }
            walked += 1
            if isOver {
                ended.append(EndedFrame(frame))
                return true
            }
            survivor = survivor ?? (frame.sequence, frame.acceptedAt)
            earliest = min(earliest, frame.expiresAt?.microseconds ?? .max)
            return isMixed
        }
        work += walked
        guard walked > 0 || rest != nil || start > cursor else { throw self.missing(in: slot) }
        if start == cursor, let last = ended.last {
            let first = survivor ?? rest
            self.table[slot].advance(
                to: first?.sequence ?? self.table[slot].next,
                acceptedAt: first?.acceptedAt,
                lastAcceptedAt: last.acceptedAt
            )
        }
        try self.end(ended, of: slot, as: \.expired)
        if let rest {
            if isMixed { self.scans[slot] = ExpiryScan(position: rest.sequence, earliest: earliest) }
            self.expiries.schedule(slot, at: time)
        } else {
            self.expiries.schedule(slot, at: earliest)
        }
        return ended.count
    }

    // MARK: Parts of ends

    /// Ends queued frames without delivery. The cursor has already passed those at the front.
    func end(
        _ frames: [EndedFrame],
        of slot: UInt32,
        as end: WritableKeyPath<StoreTotals, UInt64>
    ) throws(StoreError) {
        guard !frames.isEmpty else { return }
        if !self.book.isSilent(slot) {
            let state = MessageTrace.State(countedAt: end)
            for frame in frames {
                self.book.ended(MessageID(slot: slot, sequence: frame.sequence), as: state, now: self.now)
            }
        }
        // Frames below the head have ended by their position alone.
        let head = self.table[slot].head
        try self.punch(frames.filter { $0.sequence >= head })
        self.count(frames.count, bytes: frames.reduce(0) { $0 + $1.size }, of: slot, as: end)
    }

    /// Subtracts ended frames from the counts of the queue in `slot`, and adds them to the totals.
    func count(_ frames: Int, bytes: Int, of slot: UInt32, as end: WritableKeyPath<StoreTotals, UInt64>) {
        self.table[slot].frames -= frames
        self.table[slot].bytes -= bytes
        self.totals.frames -= frames
        self.totals.bytes -= bytes
        self.totals[keyPath: end] += UInt64(frames)
        if self.table[slot].frames == 0 {
            self.totals.terminals -= 1
            if let ccid = self.table[slot].ccid { self.kept.remove(ccid) }
        }
        self.deadBytes += bytes + frames * (Chunk.headerSize + Chunk.entrySize)
        self.staged += frames
        self.noteChange(of: slot)
        self.noteLoad(of: slot)
    }

    /// Makes holes of frames.
    private func punch(_ frames: [EndedFrame]) throws(StoreError) {
        var offsets: [UInt64: Set<Int>] = [:]
        for frame in frames {
            switch frame.place {
            case .staged(let index): self.staging.punch(index)
            case .chunk(let key):
                offsets[key, default: []].insert(Int(frame.sequence - MessageID(rawValue: key).sequence))
            }
        }
        for (key, offsets) in offsets {
            if case .some(.some(let record)) = self.staging.replacements[key] {
                let punched = record.withUnsafeBytes { bytes in
                    Result { () throws(StoreError) in try Self.punched(bytes, at: offsets) }
                }
                self.staging.replace(key, with: try punched.get())
            } else {
                let iterator = try self.openDatabase().iterator(.messages)
                iterator.seek(key)
                guard iterator.key == key else { throw Chunk.contradiction }
                self.staging.replace(key, with: try Self.punched(iterator.value, at: offsets))
            }
        }
    }

    private static func punched(_ record: UnsafeRawBufferPointer, at offsets: Set<Int>) throws(StoreError) -> [UInt8]? {
        guard let chunk = Chunk(record) else { throw Chunk.contradiction }
        return try chunk.punched(at: offsets)
    }
}
