import Logging
import RelayCore

/// Reclaims the space of removed frames.
extension RocksDBStore {
    /// Maintains the disk's space without a commit: a merge may have ended, or the reserve may fit again.
    func maintainSpace() {
        if !self.isShortOfRoom { self.space.refill() }
        guard self.staged == self.stagedGrowth else { return }
        if self.isShortOfRoom, self.failure != nil || self.database?.hasFailedMerge ?? false { self.openAnewForRoom() }
        guard self.failure == nil, let database = self.database else { return }
        self.reclaim(in: database)
    }

    /// Opens the database again, because RocksDB refuses merges after a failed write. Without this, a store without ends of
    /// frames to commit would remain short of space.
    private func openAnewForRoom() {
        guard self.mergePace.isDue(isShortOfRoom: true, at: .now), self.database?.merging?.hasEnded ?? true else { return }
        if let database { self.finishReclaim(in: database) }
        self.failure = self.failure ?? self.reclaimFailure
        do throws(StoreError) {
            _ = try self.soundDatabase()
            self.failure = nil
        } catch {
            self.failure = error
            self.mergePace.failed(at: .now)
        }
    }

    /// Begins to reclaim the space of dead frames when it exceeds that of live ones, and is worth the work. While frames wait
    /// for space, any amount is.
    ///
    /// All ends of frames must be durable.
    func reclaim(in database: Database) {
        self.finishReclaim(in: database)
        let budget = self.space.budget
        let worthwhile = self.isShortOfRoom ? budget.reclaimWhenShort : max(self.reclaimBytes, self.totals.bytes)
        guard self.deadBytes - self.bytesInMerging > worthwhile, database.merging == nil,
            self.mergePace.isDue(isShortOfRoom: self.isShortOfRoom, at: .now)
        else { return }
        // RocksDB's own merges have reclaimed it already, or will. The only evidence for that is the size of the files.
        guard self.isShortOfRoom || database.messageFileBytes > worthwhile else { return self.deadBytes = 0 }
        let files = self.isShortOfRoom ? database.deadFiles(isLive: self.mayBeQueued) : []
        if self.isShortOfRoom { self.space.makeRoomForMerging() }
        if database.merge(dropping: files, sparingRoom: self.isShortOfRoom) { self.bytesInMerging = self.deadBytes }
    }

    /// Records the result of a merge that has ended.
    private func finishReclaim(in database: Database) {
        guard let merging = database.merging, merging.hasEnded else { return }
        merging.thread.join()
        database.merging = nil
        if let failure = merging.failure {
            self.mergePace.failed(at: .now)
            if self.mergeLog.change(to: failure.code, at: .now) {
                self.logger.warning(
                    "The space of removed frames could not be reclaimed; the relay tries again.",
                    metadata: ["error": "\(failure)"]
                )
            }
            self.reclaimFailure = failure
            database.hasFailedMerge = true
        } else {
            self.deadBytes -= self.bytesInMerging
            self.reclaimFailure = nil
            self.mergePace.succeeded()
        }
        self.bytesInMerging = 0
    }

    /// Whether a message with an id in this range may be queued. All ends of frames must be durable.
    private func mayBeQueued(_ ids: ClosedRange<UInt64>) -> Bool {
        let (first, last) = (MessageID(rawValue: ids.lowerBound), MessageID(rawValue: ids.upperBound))
        for slot in first.slot...last.slot {
            guard self.table.slot(of: MessageID(slot: slot, sequence: 0)) != nil else { return false }
            let queue = self.table[slot]
            guard queue.frames > 0 else { continue }
            let lowest = slot == first.slot ? first.sequence : 0
            let highest = slot == last.slot ? last.sequence : MessageID.maximumSequence
            // A chunk that begins before the head may also hold later frames.
            let reach = UInt64(UInt16.max)
            if lowest < queue.next, highest &+ reach >= queue.head { return true }
        }
        return false
    }
}
