import Logging
import RelayCore

/// Taking back the room of frames that are no longer kept.
extension RocksDBStore {
    /// Does what is due without a commit: an attempt at taking room back may have ended, or the reserve may fit again.
    func tendRoom() {
        if !self.isShortOfRoom { self.space.refill() }
        guard self.staged == self.stagedGrowth else { return }
        if self.isShortOfRoom, self.failure != nil || self.database?.hasFailedMerge ?? false { self.openAnewForRoom() }
        guard self.failure == nil, let database = self.database else { return }
        self.reclaim(in: database)
    }

    /// Opens the database anew, because RocksDB refuses merges after a write that failed. Without this, a store that has no frame's end
    /// to commit would stay short of room.
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

    /// Has the room of dead frames taken back when there is more of it than of living ones, and enough to be worth the work. While
    /// frames wait for room, any of it is.
    ///
    /// Everything that ends a frame has to be durable.
    func reclaim(in database: Database) {
        self.finishReclaim(in: database)
        let budget = self.space.budget
        let worthwhile = self.isShortOfRoom ? budget.reclaimWhenShort : max(self.reclaimBytes, self.totals.bytes)
        guard self.deadBytes - self.bytesInMerging > worthwhile, database.merging == nil,
            self.mergePace.isDue(isShortOfRoom: self.isShortOfRoom, at: .now)
        else { return }
        // Merging in the ordinary course has done it already, or will: nothing is known of that but the size of the files.
        guard self.isShortOfRoom || database.messageFileBytes > worthwhile else { return self.deadBytes = 0 }
        let files = self.isShortOfRoom ? database.deadFiles(isLive: self.isKept) : []
        if self.isShortOfRoom { self.space.makeRoomForMerging() }
        if database.merge(dropping: files, sparingRoom: self.isShortOfRoom) { self.bytesInMerging = self.deadBytes }
    }

    /// Notes what has become of a merging that has ended.
    private func finishReclaim(in database: Database) {
        guard let merging = database.merging, merging.hasEnded else { return }
        merging.thread.join()
        database.merging = nil
        if let failure = merging.failure {
            self.mergePace.failed(at: .now)
            if self.mergeLog.change(to: failure.code, at: .now) {
                self.logger.warning(
                    "The room of frames that are gone could not be taken back; it is tried again.",
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

    /// Whether a message with an id in this range is kept. Everything that ends a frame has to be durable.
    private func isKept(_ ids: ClosedRange<UInt64>) -> Bool {
        let (first, last) = (MessageID(rawValue: ids.lowerBound), MessageID(rawValue: ids.upperBound))
        for slot in first.slot...last.slot {
            guard self.table.slot(of: MessageID(slot: slot, sequence: 0)) != nil else { return false }
            let queue = self.table[slot]
            guard queue.frames > 0 else { continue }
            let lowest = slot == first.slot ? first.sequence : 0
            let highest = slot == last.slot ? last.sequence : MessageID.maximumSequence
            // A chunk that begins before the head may hold what lies behind it.
            let reach = UInt64(UInt16.max)
            if lowest < queue.next, highest &+ reach >= queue.head { return true }
        }
        return false
    }
}
