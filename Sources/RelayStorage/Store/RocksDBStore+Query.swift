import HeapModule
import RelayCore
import TTMSProtocol

/// Queries of operators. Counts are in memory; only messages are read.
extension RocksDBStore {
    /// Frames in queues that were staged since the last successful commit.
    public var stagedFrames: Int {
        self.changed.reduce(0) { sum, slot in
            let queue = self.table[slot]
            var count = 0
            self.staging.forEach(in: queue.staged) { _, piece, _ in
                if piece.size > 0, piece.sequence >= queue.head { count += 1 }
                return true
            }
            return sum + count
        }
    }

    /// Whether a message in a queue has been staged since the last successful commit.
    public func isStaged(_ id: MessageID) -> Bool {
        self.table.slot(of: id).map { id.sequence >= self.firstStaged(in: $0) } ?? false
    }

    /// Whether frames for `ccid` have been staged since the last successful commit.
    public func hasStagedFrames(for ccid: CCID) -> Bool {
        self.table.slot(of: ccid).map { self.table[$0].staged != nil } ?? false
    }

    /// The backlog of `ccid`; empty when the store does not know it.
    public func backlog(of ccid: CCID) -> Backlog {
        guard let slot = self.table.slot(of: ccid) else { return Backlog() }
        let queue = self.table[slot]
        var oldest: Int64?
        if queue.frames > 0 {
            // If the store cannot be read, the time before which no frame was accepted is still of use.
            oldest = queue.inFlight.first?.acceptedAt ?? (try? self.oldestQueuedAt(in: slot)) ?? queue.oldestQueuedAt
        }
        return Backlog(
            frames: queue.frames,
            bytes: queue.bytes,
            inFlightFrames: queue.inFlight.count,
            oldestAcceptedAt: oldest.map(Timestamp.init(microseconds:))
        )
    }

    /// The time at which the oldest queued frame in `slot` was accepted, µs. The queue must not be empty.
    func oldestQueuedAt(in slot: UInt32) throws(StoreError) -> Int64 {
        if self.table[slot].isOldestExact { return self.table[slot].oldestQueuedAt }
        var oldest: (sequence: UInt64, acceptedAt: Int64)?
        try self.walk(slot, from: self.table[slot].cursor) { frame in
            oldest = (frame.sequence, frame.acceptedAt)
            return false
        }
        guard let oldest else { throw self.missing(in: slot) }
        self.table[slot].advance(to: oldest.sequence, acceptedAt: oldest.acceptedAt, lastAcceptedAt: oldest.acceptedAt)
        return oldest.acceptedAt
    }

    /// Terminals with a backlog, in the order of their CCIDs.
    public func terminals(after: CCID?, limit: Int) -> [TerminalBacklog] {
        guard limit > 0 else { return [] }
        var lowest = Heap<CCID>()
        for queue in self.table.queues where queue.frames > 0 {
            guard let ccid = queue.ccid, after.map({ ccid > $0 }) ?? true else { continue }
            if lowest.count < limit {
                lowest.insert(ccid)
            } else if let highest = lowest.max, ccid < highest {
                lowest.replaceMax(with: ccid)
            }
        }
        return lowest.unordered.sorted().map { TerminalBacklog(ccid: $0, backlog: self.backlog(of: $0)) }
    }

    /// Messages of `ccid`, the oldest first, including those in flight.
    public func messages(of ccid: CCID, after: MessageID?, limit: Int) throws(StoreError) -> [StoredMessage] {
        guard limit > 0, let slot = self.table.slot(of: ccid) else { return [] }
        var first = self.table[slot].head
        if let after {
            guard after.slot <= slot else { return [] }
            if after.slot == slot { first = max(first, after.sequence + 1) }
        }
        return try self.messages(in: slot, from: first, limit: limit)
    }

    /// The message with this id; `nil` when the store does not have it.
    public func message(_ id: MessageID) throws(StoreError) -> StoredMessage? {
        guard let slot = self.table.slot(of: id), id.sequence >= self.table[slot].head else { return nil }
        return try self.messages(in: slot, from: id.sequence, limit: 1).first { $0.id == id }
    }

    private func messages(in slot: UInt32, from sequence: UInt64, limit: Int) throws(StoreError) -> [StoredMessage] {
        guard let ccid = self.table[slot].ccid, sequence < self.table[slot].next else { return [] }
        let cursor = self.table[slot].cursor
        let isSilent = self.book.isSilent(slot)
        var messages: [StoredMessage] = []
        try self.walk(slot, from: sequence) { frame in
            messages.append(
                StoredMessage(
                    id: MessageID(slot: slot, sequence: frame.sequence),
                    destination: ccid,
                    frame: Array(frame.bytes),
                    acceptedAt: Timestamp(microseconds: frame.acceptedAt),
                    expiresAt: frame.expiresAt,
                    isInFlight: frame.sequence < cursor,
                    trace: isSilent ? nil : self.book.liveTrace(of: MessageID(slot: slot, sequence: frame.sequence))
                )
            )
            return messages.count < limit
        }
        return messages
    }
}
