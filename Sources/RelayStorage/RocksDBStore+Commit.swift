import CRocksDB
import NIOCore
import RelayCore

/// Making what is staged durable.
extension RocksDBStore {
    /// A checkpoint is written when the deltas since the last have so many bytes, or are so many. Both bound what a start reads.
    private static let deltaBytes = (8 << 20)...(64 << 20)
    private static let maximumDeltas: UInt64 = 10_000

    /// Terminals whose records one commit writes for the checkpoint: with many, it takes several, which none has to wait for.
    static let recordsPerCommit = 2_000

    /// A checkpoint writes a record of its own for each terminal that has changed since the last one, so with many terminals it
    /// waits until the deltas are a few times that.
    private var isCheckpointDue: Bool {
        let worthwhile = 4 * TerminalRecord.size * self.unrecorded.count
        return self.deltaBytes > min(max(worthwhile, Self.deltaBytes.lowerBound), Self.deltaBytes.upperBound)
            || self.commitNumber - self.checkpointNumber >= Self.maximumDeltas
    }

    /// Makes everything staged durable, in one synced write.
    public func commit() throws(StoreError) {
        try self.commit(withCheckpoint: false)
    }

    /// - Parameter withCheckpoint: whether the deltas are folded into the terminals' records at any rate.
    func commit(withCheckpoint: Bool) throws(StoreError) {
        let isUnrecorded = self.commitNumber > self.checkpointNumber || !self.changed.isEmpty || !self.book.changes.isEmpty
        guard self.staged > 0 || (withCheckpoint && isUnrecorded) else { return }
        do throws(StoreError) {
            let database = try self.soundDatabase()
            let number = self.commitNumber + 1
            let isCheckpoint =
                withCheckpoint || (self.fold == nil && self.isCheckpointDue && self.unrecorded.count <= Self.recordsPerCommit)
            if !isCheckpoint, self.fold == nil, self.isCheckpointDue { self.beginFold() }
            // RocksDB sorts what it is given: neighbours that come one after the other cost it half as much.
            self.changed.sort()
            self.batch.removeAll()
            self.addMessages(in: database.family(.messages))
            self.addTraces(in: database)
            let folded = isCheckpoint ? 0 : self.addFold(in: database.family(.meta))
            let deltaBytes = self.addMeta(number, isCheckpoint: isCheckpoint, in: database.family(.meta))
            try database.write(self.batch)
            self.noteTime(number)
            self.finishCommit(number, isCheckpoint: isCheckpoint, deltaBytes: deltaBytes)
            self.finishFold(folded, isCheckpoint: isCheckpoint)
            self.failure = nil
            self.reclaim(in: database)
        } catch {
            self.failure = error
            throw error
        }
    }

    /// The database, opened anew after a failure: RocksDB refuses all further writes then, and its C API cannot talk it out of it.
    private func soundDatabase() throws(StoreError) -> Database {
        guard self.failure != nil else { return try self.openDatabase() }
        // As long as nothing can be written, the database that can still be read is worth more than the attempt.
        try self.directory.probe()
        self.iterator = nil
        self.database = nil
        let database = try Database(path: self.directory.databasePath, creates: false, options: self.options)
        try self.checkLastCommit(in: database)
        self.database = database
        return database
    }

    // MARK: The batch

    private func addMessages(in family: OpaquePointer) {
        for keys in self.staging.removals { self.batch.remove(keys, in: family) }
        for (key, record) in self.staging.replacements {
            if let record {
                record.withUnsafeBytes { self.batch.put(key, $0, in: family) }
            } else {
                self.batch.remove(key, in: family)
            }
        }
        for slot in self.changed {
            guard let chain = self.table[slot].staged else { continue }
            self.addChunks(of: chain, slot: slot, in: family)
        }
    }

    private func addChunks(of chain: Staging.Chain, slot: UInt32, in family: OpaquePointer) {
        let head = self.table[slot].head
        var first: UInt64 = 0
        var next: UInt64 = 0
        func finish() {
            // A chunk that is gone before it was ever written need not be.
            guard next > head else { return }
            let key = MessageID(slot: slot, sequence: first).rawValue
            self.chunkWriter.withRecord { self.batch.put(key, $0, in: family) }
        }
        self.staging.forEach(in: chain) { _, piece, frame in
            if piece.isFirstOfChunk {
                finish()
                first = piece.sequence
                self.chunkWriter.start(acceptedAt: piece.acceptedAt, timeToLive: piece.timeToLive)
            }
            self.chunkWriter.append(frame, at: piece.acceptedAt)
            next = piece.sequence + 1
            return true
        }
        finish()
    }

    /// - Returns: bytes of the delta; 0 for a checkpoint.
    private func addMeta(_ number: UInt64, isCheckpoint: Bool, in family: OpaquePointer) -> Int {
        let commit = CommitRecord(number: number, clock: self.clock.last, totals: self.totals)
        var buffer = ByteBuffer()
        guard isCheckpoint else {
            buffer.reserveCapacity(128 + self.changed.count * TerminalRecord.size)
            commit.write(to: &buffer)
            for slot in self.changed { self.record(of: slot)?.write(to: &buffer) }
            buffer.withUnsafeReadableBytes { self.batch.put(MetaKey.delta(number), $0, in: family) }
            return buffer.readableBytes
        }
        commit.write(to: &buffer)
        buffer.withUnsafeReadableBytes { self.batch.put(MetaKey.checkpoint, $0, in: family) }
        for slot in self.unrecorded + Array(self.fold?.rest ?? []) {
            buffer.clear()
            self.record(of: slot)?.write(to: &buffer)
            buffer.withUnsafeReadableBytes { self.batch.put(MetaKey.terminal(slot), $0, in: family) }
        }
        // Its own delta is among them: an attempt that failed may have left one.
        self.batch.remove(MetaKey.delta(self.checkpointNumber + 1)..<MetaKey.delta(number + 1), in: family)
        return 0
    }

    func record(of slot: UInt32) -> TerminalRecord? {
        let queue = self.table[slot]
        guard let ccid = queue.ccid else { return nil }
        let oldest = queue.inFlight.first
        return TerminalRecord(
            slot: slot,
            ccid: ccid,
            head: queue.head,
            next: queue.next,
            frames: queue.frames,
            bytes: queue.bytes,
            oldestAt: oldest?.acceptedAt ?? queue.oldestQueuedAt,
            earliestExpiry: min(self.expiries.time(of: slot), queue.earliestExpiryInFlight),
            timeToLive: queue.timeToLive,
            isOldestExact: oldest != nil || queue.isOldestExact,
            isMixed: queue.isMixed,
            inFlight: queue.inFlight.count
        )
    }

    // MARK: Afterwards

    /// Notes that commit `number` is durable, and that the relay has come as far as the time seen last.
    func noteTime(_ number: UInt64) {
        let time = max(self.clock.last, self.latestTime)
        self.directory.noteCommitted(number, at: time)
        self.notedTime = time
    }

    private func finishCommit(_ number: UInt64, isCheckpoint: Bool, deltaBytes: Int) {
        self.iterator = nil
        self.commitNumber = number
        self.lastCommit = CommitRecord(number: number, clock: self.clock.last, totals: self.totals)
        self.deltaBytes += deltaBytes
        for slot in self.changed {
            self.table[slot].isChanged = false
            self.table[slot].staged = nil
            self.publishHead(of: slot)
        }
        self.changed.removeAll(keepingCapacity: true)
        if isCheckpoint {
            for slot in self.unrecorded { self.table[slot].isUnrecorded = false }
            self.unrecorded.removeAll(keepingCapacity: true)
            self.checkpointNumber = number
            self.deltaBytes = 0
        }
        self.staging.removeAll()
        self.book.committed()
        self.staged = 0
        self.budget.renew()
    }

    /// Lets compaction drop what lies below the head of `slot`, which is durable.
    func publishHead(of slot: UInt32) {
        let queue = self.table[slot]
        guard queue.head <= MessageID.maximumSequence else { return }
        ttms_heads_publish(self.options.heads, MessageID(slot: slot, sequence: queue.head).rawValue)
    }

    /// Takes the room of dead frames back when there is more of it than of living ones, and enough to be worth the work.
    private func reclaim(in database: Database) {
        let worthwhile = max(self.reclaimBytes, self.totals.bytes)
        guard self.deadBytes > worthwhile else { return }
        // Merging in the ordinary course has done it already, or will: nothing is known of that but the size of the files.
        if database.messageFileBytes > worthwhile { database.compact() }
        self.deadBytes = 0
    }
}
