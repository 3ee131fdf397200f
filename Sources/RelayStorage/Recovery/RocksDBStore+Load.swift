import NIOCore
import RelayCore
import TTMSProtocol

/// Opening: reads the checkpoint and the deltas after it, and checks them against each other.
extension RocksDBStore {
    /// Reads the state of the store from the database.
    func readState() throws(StoreError) {
        let database = try self.openDatabase()
        let iterator = try database.iterator(.meta)
        var inFlight: [UInt32: Int] = [:]
        var last = try self.loadCheckpoint(iterator, &inFlight)
        self.checkpointNumber = last.number
        try self.loadDeltas(iterator, onto: &last, &inFlight)
        self.foundInFlight = inFlight.values.reduce(0, +)

        try self.directory.check(last: last.number)
        self.commitNumber = last.number
        self.lastCommit = last
        self.totals = last.totals
        self.clock = AcceptanceClock(last: last.clock)
        self.table.noteAcceptance(last.clock.microseconds)
        try self.checkTotals()
        self.oldest = self.scheduleOldest()
        try self.loadTraces(of: database)
        self.deadBytes = max(0, database.messageFileBytes - self.totals.bytes)
    }

    /// Checks that a database that was opened again contains the last commit.
    func checkLastCommit(in database: Database) throws(StoreError) {
        let iterator = try database.iterator(.meta)
        iterator.seek(MetaKey.delta(self.commitNumber))
        if iterator.key == MetaKey.delta(self.commitNumber) { return }
        iterator.seek(MetaKey.checkpoint)
        if iterator.key == MetaKey.checkpoint {
            var value = ByteBuffer(bytes: iterator.value)
            if let checkpoint = CommitRecord(from: &value), checkpoint.number >= self.commitNumber { return }
        } else if iterator.key == nil {
            try iterator.check()
        }
        throw RocksDBFailure.damaged(
            "The store was opened again, but commit \(self.commitNumber), which has been on disk, is missing"
        )
    }

    private func loadCheckpoint(
        _ iterator: DatabaseIterator,
        _ inFlight: inout [UInt32: Int]
    ) throws(StoreError) -> CommitRecord {
        iterator.seek(MetaKey.checkpoint)
        guard iterator.key == MetaKey.checkpoint else {
            if iterator.key == nil { try iterator.check() }
            throw RocksDBFailure.damaged("The store has no checkpoint")
        }
        var value = ByteBuffer(bytes: iterator.value)
        guard let checkpoint = CommitRecord(from: &value) else { throw Self.unreadable("checkpoint") }
        iterator.next()
        while let key = iterator.key, MetaKey.slot(key) != nil {
            var value = ByteBuffer(bytes: iterator.value)
            guard let record = TerminalRecord(from: &value) else { throw Self.unreadable("terminal") }
            self.restore(record, &inFlight)
            iterator.next()
        }
        if iterator.key == nil { try iterator.check() }
        return checkpoint
    }

    private func loadDeltas(
        _ iterator: DatabaseIterator,
        onto last: inout CommitRecord,
        _ inFlight: inout [UInt32: Int]
    ) throws(StoreError) {
        iterator.seek(MetaKey.delta(last.number + 1))
        while let key = iterator.key, let number = MetaKey.commit(key) {
            guard number == last.number + 1 else {
                throw RocksDBFailure.damaged("The store has commit \(number), but not commit \(last.number + 1)")
            }
            var value = ByteBuffer(bytes: iterator.value)
            guard let delta = CommitRecord(from: &value), delta.number == number else { throw Self.unreadable("commit") }
            self.deltaBytes += value.readableBytes
            while value.readableBytes > 0 {
                guard let record = TerminalRecord(from: &value) else { throw Self.unreadable("commit") }
                self.restore(record, &inFlight)
                self.noteUnrecorded(record.slot)
            }
            last = delta
            iterator.next()
        }
        if iterator.key == nil { try iterator.check() }
    }

    /// Restores a queue. After a restart no frame is in flight: the queue begins at its head.
    private func restore(_ record: TerminalRecord, _ inFlight: inout [UInt32: Int]) {
        inFlight[record.slot] = record.inFlight > 0 ? record.inFlight : nil
        self.table.assign(record.ccid, to: record.slot)
        self.table[record.slot].cursor = record.head
        self.table[record.slot].next = record.next
        self.table[record.slot].frames = record.frames
        self.table[record.slot].bytes = record.bytes
        self.table[record.slot].oldestQueuedAt = record.oldestAt
        self.table[record.slot].isOldestExact = record.isOldestExact
        self.table[record.slot].timeToLive = record.timeToLive
        self.table[record.slot].isMixed = record.isMixed
        if record.frames > 0 { self.expiries.schedule(record.slot, at: record.earliestExpiry) }
    }

    private func noteUnrecorded(_ slot: UInt32) {
        if self.table[slot].isUnrecorded { return }
        self.table[slot].isUnrecorded = true
        self.unrecorded.append(slot)
    }

    /// Compares two independent counts: if they differ, something is lost.
    private func checkTotals() throws(StoreError) {
        var (frames, bytes, terminals) = (0, 0, 0)
        for slot in self.table.queues.indices {
            let queue = self.table.queues[slot]
            (frames, bytes, terminals) = (frames + queue.frames, bytes + queue.bytes, terminals + (queue.frames > 0 ? 1 : 0))
            self.publishHead(of: UInt32(truncatingIfNeeded: slot))
            if queue.frames > 0, let ccid = queue.ccid { self.kept.insert(ccid) }
        }
        guard frames == self.totals.frames, bytes == self.totals.bytes, terminals == self.totals.terminals else {
            throw RocksDBFailure.damaged(
                "The queues hold \(frames) frames with \(bytes) bytes, but the store counts \(self.totals.frames) "
                    + "with \(self.totals.bytes)"
            )
        }
    }

    static func unreadable(_ record: String) -> StoreError {
        RocksDBFailure.damaged("A \(record) record of the store has a form that this release does not write")
    }
}

extension CommitRecord {
    /// Writes the checkpoint again, unchanged.
    static func rewriteCheckpoint(of database: Database) throws(StoreError) {
        let value = try database.read(MetaKey.checkpoint, in: .meta) { Array($0) }
        guard let value else { throw RocksDBFailure.damaged("The store has no checkpoint") }
        let batch = WriteBatch()
        value.withUnsafeBytes { batch.put(MetaKey.checkpoint, $0, in: database.family(.meta)) }
        try database.write(batch)
    }

    /// Writes this as the checkpoint of a new database.
    func writeFirst(to database: Database) throws(StoreError) {
        var value = ByteBuffer()
        self.write(to: &value)
        let batch = WriteBatch()
        value.withUnsafeReadableBytes { batch.put(MetaKey.checkpoint, $0, in: database.family(.meta)) }
        try database.write(batch)
    }
}
