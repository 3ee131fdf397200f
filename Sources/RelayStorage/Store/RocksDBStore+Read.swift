import DequeModule
import NIOCore
import RelayCore
import TTMSProtocol

/// Delivery: frames are put in flight, and are removed or requeued.
extension RocksDBStore {
    /// Reads queued frames of `ccid`, the oldest first, and puts them in flight; expires those whose time to live is over.
    public func readNext(of ccid: CCID, maximumBytes: Int, now: Timestamp) throws(StoreError) -> StoredRun {
        guard let slot = self.table.slot(of: ccid), self.table[slot].queuedFrames > 0 else { return StoredRun() }
        let queuedBytes = self.table[slot].bytes - self.table[slot].inFlightBytes
        var run = StoredRun()
        run.bytes.reserveCapacity(min(max(maximumBytes, 0), queuedBytes))
        run.marks.reserveCapacity(min(self.table[slot].queuedFrames, run.bytes.capacity / Frame.minimumSize))
        var taken = Deque<TerminalQueue.InFlightFrame>()
        var takenBytes = 0
        var ended: [EndedFrame] = []
        var follower: (sequence: UInt64, acceptedAt: Int64)?
        var last: Int64 = 0
        let boundary = self.readsStagedApart ? self.firstStaged(in: slot) : .max
        try self.walk(slot, from: self.table[slot].cursor) { frame in
            if let expiresAt = frame.expiresAt, expiresAt <= now {
                if ended.count == StoreLimits.expiriesPerRead {
                    follower = (frame.sequence, frame.acceptedAt)
                    return false
                }
                ended.append(EndedFrame(frame))
                last = frame.acceptedAt
                return true
            }
            let isApart = frame.sequence >= boundary && taken.first.map { $0.sequence < boundary } ?? false
            if !taken.isEmpty, takenBytes + frame.bytes.count > maximumBytes || isApart {
                follower = (frame.sequence, frame.acceptedAt)
                return false
            }
            if taken.isEmpty { run.oldestAcceptedAt = Timestamp(microseconds: frame.acceptedAt) }
            run.bytes.writeBytes(frame.bytes)
            run.marks.append(
                StoredRun.Mark(end: run.bytes.writerIndex, id: MessageID(slot: slot, sequence: frame.sequence))
            )
            taken.append(
                TerminalQueue.InFlightFrame(
                    sequence: frame.sequence,
                    acceptedAt: frame.acceptedAt,
                    size: frame.bytes.count
                )
            )
            takenBytes += frame.bytes.count
            last = frame.acceptedAt
            return true
        }
        guard !taken.isEmpty || !ended.isEmpty else { throw self.missing(in: slot) }

        self.table[slot].advance(
            to: follower?.sequence ?? self.table[slot].next,
            acceptedAt: follower?.acceptedAt,
            lastAcceptedAt: last
        )
        self.inFlightFrames += taken.count
        self.inFlightBytes += takenBytes
        self.table[slot].inFlightBytes += takenBytes
        if self.table[slot].inFlight.isEmpty {
            self.table[slot].inFlight = taken
        } else {
            self.table[slot].inFlight.append(contentsOf: taken)
        }
        if !self.book.isSilent(slot) { run.traced = self.book.written(run.marks.lazy.map(\.id), now: self.now) }
        try self.end(ended, of: slot, as: \.expired)
        run.hasMore = self.table[slot].queuedFrames > 0
        // This alone needs no commit, but the next commit records the frames that may arrive twice after a crash.
        self.noteChange(of: slot)
        return run
    }

    /// Stages the end of all frames in flight of `ccid` up to and including `through`: they are delivered.
    @discardableResult
    public func remove(of ccid: CCID, through: MessageID) throws(StoreError) -> Int {
        guard let slot = self.table.slot(of: ccid), slot == through.slot else { return 0 }
        var removed = 0
        var bytes = 0
        var last: UInt64 = 0
        while let frame = self.table[slot].inFlight.first, frame.sequence <= through.sequence {
            self.table[slot].inFlight.removeFirst()
            removed += 1
            bytes += frame.size
            last = frame.sequence
        }
        guard removed > 0 else { return 0 }
        if !self.book.isSilent(slot) {
            self.book.ended(slot, 0..<(last + 1), as: .acknowledged, now: self.now)
        }
        // An empty queue of frames in flight owns no memory.
        if self.table[slot].inFlight.isEmpty { self.table[slot].inFlight = Deque() }
        self.table[slot].inFlightBytes -= bytes
        self.inFlightFrames -= removed
        self.inFlightBytes -= bytes
        self.count(removed, bytes: bytes, of: slot, as: \.removed)
        return removed
    }

    /// Requeues all frames in flight of `ccid`.
    public func rewind(_ ccid: CCID) {
        guard let slot = self.table.slot(of: ccid), let first = self.table[slot].inFlight.first else { return }
        self.expiries.schedule(slot, at: self.table[slot].earliestExpiryInFlight)
        // The requeued frames are before the position of the search.
        self.scans[slot] = nil
        self.inFlightFrames -= self.table[slot].inFlight.count
        self.inFlightBytes -= self.table[slot].inFlightBytes
        self.table[slot].inFlight = Deque()
        self.table[slot].inFlightBytes = 0
        self.table[slot].advance(to: first.sequence, acceptedAt: first.acceptedAt, lastAcceptedAt: first.acceptedAt)
        self.oldest.schedule(slot, at: first.acceptedAt)
        self.noteChange(of: slot)
        if !self.book.isSilent(slot) { self.book.requeued(slot, now: self.now) }
    }
}
