import NIOCore
import RelayCore

/// A checkpoint that takes several commits, since many terminals have changed.
///
/// It is the state after the commit with which it begins. Each commit then writes the records of some of its terminals as they are by
/// then; one that has changed since has a delta of that change, so the last word on it is the same. With the last of them the
/// checkpoint takes the place of the deltas before it.
struct CheckpointFold {
    /// What the checkpoint says of the store as a whole.
    var commit: CommitRecord
    /// Terminals whose records are to be written.
    var rest: ArraySlice<UInt32>
    /// Bytes of the deltas that it takes the place of.
    var deltaBytes: Int
}

extension RocksDBStore {
    /// The last commit is to be the checkpoint.
    func beginFold() {
        // A failed attempt may be made again with other totals; what is recorded here was committed.
        guard let lastCommit else { return }
        let fold = CheckpointFold(commit: lastCommit, rest: self.unrecorded[...], deltaBytes: self.deltaBytes)
        self.fold = fold
        for slot in self.unrecorded where !self.table[slot].isChanged { self.table[slot].isUnrecorded = false }
        self.unrecorded.removeAll { !self.table[$0].isChanged }
    }

    /// Adds the next records to the batch, and with the last of them the checkpoint.
    ///
    /// - Returns: how many those are.
    func addFold(in family: OpaquePointer) -> Int {
        guard let fold else { return 0 }
        var buffer = ByteBuffer()
        let slots = fold.rest.prefix(Self.recordsPerCommit)
        for slot in slots {
            buffer.clear()
            self.record(of: slot)?.write(to: &buffer)
            buffer.withUnsafeReadableBytes { self.batch.put(MetaKey.terminal(slot), $0, in: family) }
        }
        if slots.count == fold.rest.count {
            buffer.clear()
            fold.commit.write(to: &buffer)
            buffer.withUnsafeReadableBytes { self.batch.put(MetaKey.checkpoint, $0, in: family) }
            self.batch.remove(MetaKey.delta(self.checkpointNumber + 1)..<MetaKey.delta(fold.commit.number + 1), in: family)
        }
        return slots.count
    }

    /// The commit is durable.
    ///
    /// - Parameter isCheckpoint: it was a whole checkpoint by itself.
    func finishFold(_ folded: Int, isCheckpoint: Bool) {
        guard var fold else { return }
        fold.rest = fold.rest.dropFirst(folded)
        self.fold = fold
        guard isCheckpoint || fold.rest.isEmpty else { return }
        self.fold = nil
        if isCheckpoint { return }
        self.checkpointNumber = fold.commit.number
        self.deltaBytes -= fold.deltaBytes
    }
}
