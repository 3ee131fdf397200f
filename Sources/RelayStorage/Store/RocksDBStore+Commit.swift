import CRocksDB
import NIOCore
import RelayCore

/// The staged changes that a commit writes.
enum CommitScope {
    /// All changes.
    case all
    /// All changes but the added frames and keys: the remaining parts of the queues on disk.
    case ends
}

/// Commits of staged changes.
extension RocksDBStore {
    /// The size, and the number, of the deltas since the last checkpoint at which the next one is written. Both bound the time
    /// of a start.
    private static let deltaBytes = (8 << 20)...(64 << 20)
    private static let maximumDeltas: UInt64 = 10_000

    /// Terminals whose records one commit writes for a checkpoint. A checkpoint of many takes several commits, so that none is
    /// delayed by it.
    static let recordsPerCommit = 2_000

    /// Whether a checkpoint is due. It writes one record for each terminal that has changed since the last one. With many
    /// terminals it waits until the deltas are several times as large.
    private var isCheckpointDue: Bool {
        let worthwhile = 4 * TerminalRecord.size * self.unrecorded.count
        return self.deltaBytes > min(max(worthwhile, Self.deltaBytes.lowerBound), Self.deltaBytes.upperBound)
            || self.commitNumber - self.checkpointNumber >= Self.maximumDeltas
    }

    /// Makes all staged changes durable, in one synced write.
    public func commit() throws(StoreError) {
        try self.commit(withCheckpoint: false)
    }

    /// - Parameter withCheckpoint: whether the commit is a checkpoint in any case.
    func commit(withCheckpoint: Bool) throws(StoreError) {
        let isUnrecorded = self.commitNumber > self.checkpointNumber || !self.changed.isEmpty || !self.book.changes.isEmpty
        guard self.staged > 0 || (withCheckpoint && isUnrecorded) else { return }
        try self.checkPlace()
        if self.stagedGrowth > 0, let shortage = self.space.shortage(forWriting: self.growthBytes) {
            self.isShortOfRoom = true
            throw shortage
        }
        try self.write(.all, withCheckpoint: withCheckpoint)
        self.isShortOfRoom = false
    }

    /// Makes all staged changes durable except the added frames and keys. The space for that is reserved.
    public func commitEnds() throws(StoreError) {
        guard self.staged > self.stagedGrowth else { return }
        try self.checkPlace()
        let wasSound = self.failure == nil
        do throws(StoreError) {
            try self.write(.ends, withCheckpoint: false)
        } catch {
            // An earlier flush or merge has failed on the full disk, and RocksDB has refused all writes since. Opened again, it
            // can use the reserve.
            guard wasSound, error.code == .diskFull else { throw error }
            try self.write(.ends, withCheckpoint: false)
        }
    }

    /// The approximate space on disk for the staged frames.
    private var growthBytes: Int {
        self.staging.bytes.count + self.staging.pieces.count * Chunk.entrySize + self.changed.count * TerminalRecord.size
    }

    private func write(_ scope: CommitScope, withCheckpoint: Bool) throws(StoreError) {
        do throws(StoreError) {
            self.space.makeRoomForEnds()
            let database = try self.soundDatabase()
            let number = self.commitNumber + 1
            // Records of queues with staged frames are folded when those frames are written.
            let isFoldDue = scope == .all && self.fold == nil && self.isCheckpointDue
            let isCheckpoint = withCheckpoint || (isFoldDue && self.unrecorded.count <= Self.recordsPerCommit)
            if !isCheckpoint, isFoldDue { self.beginFold() }
            // RocksDB sorts the records: neighbours in order cost half as much.
            self.changed.sort()
            self.batch.removeAll()
            self.addMessages(in: database.family(.messages), scope)
            self.addTraces(in: database, scope)
            let folded = isCheckpoint || scope == .ends ? 0 : self.addFold(in: database.family(.meta))
            let deltaBytes = self.addMeta(number, scope, isCheckpoint: isCheckpoint, in: database.family(.meta))
            let begin = ContinuousClock.now
            try database.write(self.batch)
            self.lastWriteTime = ContinuousClock.now - begin
            self.noteTime(number)
            self.finishCommit(number, scope, isCheckpoint: isCheckpoint, deltaBytes: deltaBytes)
            if scope == .all { self.finishFold(folded, isCheckpoint: isCheckpoint) }
            self.failure = nil
            self.reclaim(in: database)
        } catch {
            self.failure = error
            throw error
        }
    }

    /// The database, opened again after a failure: RocksDB then refuses all further writes, and its C API cannot resume them.
    func soundDatabase() throws(StoreError) -> Database {
        guard self.failure != nil else { return try self.openDatabase() }
        // A failed write to the log has shown that there is less space than the file system reports.
        if self.failure?.code == .diskFull { self.space.release() }
        // While nothing can be written, a database that can be read is worth more than the attempt.
        try self.directory.probe()
        self.iterator = nil
        self.database = nil
        let database = try self.openAgain()
        try self.checkLastCommit(in: database)
        self.database = database
        return database
    }

    /// Opens the database, even when the disk has no space for the files that its log would become.
    func openAgain() throws(StoreError) -> Database {
        let path = self.directory.databasePath
        do throws(StoreError) {
            return try Database(path: path, creates: false, options: self.options)
        } catch {
            guard error.code == .diskFull else { throw error }
            self.space.release()
            let database = try Database(path: path, creates: false, keepsLog: true, options: self.options)
            // After a log whose end is cut off, a sound one must follow before any family is written to a file. RocksDB would
            // refuse to open a database whose files contain more than its log.
            try CommitRecord.rewriteCheckpoint(of: database)
            return database
        }
    }

    // MARK: The batch

    private func addMessages(in family: OpaquePointer, _ scope: CommitScope) {
        for keys in self.staging.removals { self.batch.remove(keys, in: family) }
        for (key, record) in self.staging.replacements {
            if let record {
                record.withUnsafeBytes { self.batch.put(key, $0, in: family) }
            } else {
                self.batch.remove(key, in: family)
            }
        }
        for slot in self.changed where scope == .all {
            guard let chain = self.table[slot].staged else { continue }
            self.addChunks(of: chain, slot: slot, in: family)
        }
    }

    private func addChunks(of chain: Staging.Chain, slot: UInt32, in family: OpaquePointer) {
        let head = self.table[slot].head
        var first: UInt64 = 0
        var next: UInt64 = 0
        func finish() {
            // A chunk whose frames have ended before its first write is not written.
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
    private func addMeta(_ number: UInt64, _ scope: CommitScope, isCheckpoint: Bool, in family: OpaquePointer) -> Int {
        let commit = CommitRecord(number: number, clock: self.clock.last, totals: self.totals(scope))
        var buffer = ByteBuffer()
        guard isCheckpoint else {
            buffer.reserveCapacity(128 + self.changed.count * TerminalRecord.size)
            commit.write(to: &buffer)
            for slot in self.changed { self.record(of: slot, scope)?.write(to: &buffer) }
            buffer.withUnsafeReadableBytes { self.batch.put(MetaKey.delta(number), $0, in: family) }
            return buffer.readableBytes
        }
        commit.write(to: &buffer)
        buffer.withUnsafeReadableBytes { self.batch.put(MetaKey.checkpoint, $0, in: family) }
        for slot in self.unrecorded + Array(self.fold?.rest ?? []) {
            buffer.clear()
            self.record(of: slot, scope)?.write(to: &buffer)
            buffer.withUnsafeReadableBytes { self.batch.put(MetaKey.terminal(slot), $0, in: family) }
        }
        // The range includes this commit's own delta: a failed attempt may have left one.
        self.batch.remove(MetaKey.delta(self.checkpointNumber + 1)..<MetaKey.delta(number + 1), in: family)
        return 0
    }

    func record(of slot: UInt32, _ scope: CommitScope = .all) -> TerminalRecord? {
        let queue = self.table[slot]
        guard let ccid = queue.ccid else { return nil }
        let oldest = queue.inFlight.first
        let growth = scope == .all ? Growth() : self.growth(of: slot)
        let next = scope == .all ? queue.next : self.firstStaged(in: slot)
        return TerminalRecord(
            slot: slot,
            ccid: ccid,
            head: min(queue.head, next),
            next: next,
            frames: queue.frames - growth.frames,
            bytes: queue.bytes - growth.bytes,
            oldestAt: oldest?.acceptedAt ?? queue.oldestQueuedAt,
            earliestExpiry: min(self.expiries.time(of: slot), queue.earliestExpiryInFlight),
            timeToLive: queue.timeToLive,
            isOldestExact: oldest != nil || queue.isOldestExact,
            isMixed: queue.isMixed,
            inFlight: scope == .all ? queue.inFlight.count : queue.inFlight.prefix { $0.sequence < next }.count
        )
    }

    /// The frames of a queue that are only staged.
    private struct Growth {
        var frames = 0
        var bytes = 0
    }

    private func growth(of slot: UInt32) -> Growth {
        var growth = Growth()
        let head = self.table[slot].head
        self.staging.forEach(in: self.table[slot].staged) { _, piece, frame in
            if piece.size > 0, piece.sequence >= head {
                growth.frames += 1
                growth.bytes += frame.count
            }
            return true
        }
        return growth
    }

    /// The sequence of the first frame of a queue that is only staged, or of the next one.
    func firstStaged(in slot: UInt32) -> UInt64 {
        self.table[slot].staged.map { self.staging.pieces[$0.first].sequence } ?? self.table[slot].next
    }

    /// The totals of a scope. Without growth, a staged frame that has ended counts as appended and ended.
    private func totals(_ scope: CommitScope) -> StoreTotals {
        var totals = self.totals
        guard scope == .ends else { return totals }
        for slot in self.changed {
            let growth = self.growth(of: slot)
            totals.frames -= growth.frames
            totals.bytes -= growth.bytes
            totals.appended -= UInt64(growth.frames)
            if growth.frames > 0, growth.frames == self.table[slot].frames { totals.terminals -= 1 }
        }
        return totals
    }

    // MARK: Afterwards

    /// Records that commit `number` is durable, and the latest time that the relay has seen.
    func noteTime(_ number: UInt64) {
        let time = max(self.clock.last, self.latestTime)
        self.directory.noteCommitted(number, at: time, writeTime: self.lastWriteTime)
        self.notedTime = time
    }

    private func finishCommit(_ number: UInt64, _ scope: CommitScope, isCheckpoint: Bool, deltaBytes: Int) {
        self.iterator = nil
        self.commitNumber = number
        self.lastCommit = CommitRecord(number: number, clock: self.clock.last, totals: self.totals(scope))
        self.deltaBytes += deltaBytes
        if isCheckpoint {
            for slot in self.unrecorded { self.table[slot].isUnrecorded = false }
            self.unrecorded.removeAll(keepingCapacity: true)
            self.checkpointNumber = number
            self.deltaBytes = 0
        }
        guard scope == .all else { return self.finishEnds() }
        for slot in self.changed {
            self.table[slot].isChanged = false
            self.table[slot].staged = nil
            self.publishHead(of: slot)
        }
        self.changed.removeAll(keepingCapacity: true)
        self.staging.removeAll()
        self.book.committed()
        self.staged = 0
        self.budget.renew()
        self.stagedGrowth = 0
    }

    /// Ends a commit of ends. Queues with staged frames stay marked as changed: the next commit adds those frames.
    private func finishEnds() {
        let changed = self.changed
        self.changed.removeAll(keepingCapacity: true)
        for slot in changed {
            self.table[slot].isChanged = false
            // If the head is after the first staged frame, no earlier frame is read from disk again.
            self.publishHead(of: slot)
            if self.table[slot].staged != nil { self.noteChange(of: slot) }
        }
        self.staging.removeChanges()
        self.book.committedTraces(where: self.isOfStoredFrame)
        self.staged = self.stagedGrowth
        self.budget.renew()
    }

    /// Lets compaction drop the frames below the head of `slot`, which is durable.
    func publishHead(of slot: UInt32) {
        let queue = self.table[slot]
        guard queue.head <= MessageID.maximumSequence else { return }
        ttms_heads_publish(self.options.heads, MessageID(slot: slot, sequence: queue.head).rawValue)
    }
}
