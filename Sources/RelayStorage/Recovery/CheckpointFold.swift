import NIOCore
import RelayCore

/// A checkpoint that is spread over several commits, because many terminals have changed.
///
/// It is the state after the commit with which it begins. Each commit then writes the present records of some of its terminals.
/// A terminal that has changed since has a later delta, which takes precedence. With the last records the checkpoint replaces
/// the deltas before it.
struct CheckpointFold {
    /// The state of the whole store in the checkpoint.
    var commit: CommitRecord
    /// Terminals whose records are not written yet.
    var rest: ArraySlice<UInt32>
    /// Bytes of the deltas that it replaces.
    var deltaBytes: Int
}

extension RocksDBStore {
    /// Begins a checkpoint of the last commit.
    func beginFold() {
        // A failed commit may be repeated with other totals; the state recorded here was committed.
        guard let lastCommit else { return }
        let fold = CheckpointFold(commit: lastCommit, rest: self.unrecorded[...], deltaBytes: self.deltaBytes)
        self.fold = fold
        for slot in self.unrecorded where !self.table[slot].isChanged { self.table[slot].isUnrecorded = false }
        self.unrecorded.removeAll { !self.table[$0].isChanged }
    }

    /// Adds the next records to the batch, and with the last of them the checkpoint.
    ///
    /// - Returns: the number of records.
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

    /// Advances the checkpoint after a durable commit.
    ///
    /// - Parameter isCheckpoint: whether the commit was a whole checkpoint itself.
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
