import RelayCore

/// Frames in flight that are being written to the store, with the data that identifies them when the store answers.
struct Journal<Connection> {
    var connection: Connection
    /// The end of each frame in bytes, counted from the run's start.
    var ends: [Int]
    /// Frames that were delivered before the store answered, counted from the first.
    var delivered = 0

    /// The frames' ids, derived from the last one: frames that are appended one after the other have consecutive ids.
    func marks(upTo last: MessageID) -> [StoredRun.Mark] {
        let count = UInt64(self.ends.count)
        return self.ends.enumerated().map { index, end in
            let sequence = last.sequence &- (count &- 1 &- UInt64(index))
            return StoredRun.Mark(end: end, id: MessageID(slot: last.slot, sequence: sequence))
        }
    }
}

/// The journals of one event loop that the store has not answered, by their tokens.
///
/// A frame of a journal can be delivered before its id in the store is known. Until the store answers, it counts as delivered here
/// and as in flight in the store. ``deliveredFrames`` is that difference, which the ledger needs (G7).
final class JournalRegister<Connection> {
    private var journals: [UInt32: Journal<Connection>] = [:]
    /// Frames that are delivered and whose ids are not known.
    private(set) var deliveredFrames = 0

    var count: Int { self.journals.count }
    /// Whether no answer is due.
    var isEmpty: Bool { self.journals.isEmpty }

    /// Records that frames of `connection` are appended; the store's answer for the last one will have `token`.
    func began(_ token: UInt32, on connection: Connection, ends: [Int]) {
        assert(token != 0 && self.journals[token] == nil, "A token stands for one answer.")
        assert(!ends.isEmpty, "A journal has frames.")
        self.journals[token] = Journal(connection: connection, ends: ends)
    }

    /// Counts the frames of a journal that are acknowledged to their last byte.
    ///
    /// - Parameter bytes: the acknowledged bytes of the run.
    /// - Returns: the number of frames and the end of the last one; `nil` when there is none.
    func acknowledged(_ token: UInt32, bytes: Int) -> (frames: Int, end: Int)? {
        guard let ends = self.journals[token]?.ends.prefix(while: { $0 <= bytes }), let end = ends.last else { return nil }
        return (ends.count, end)
    }

    /// Records that the first frames of a journal were delivered before the store's answer.
    func delivered(_ token: UInt32, frames: Int) {
        guard let ends = self.journals[token]?.ends else { return }
        assert(frames <= ends.count, "A journal has the frames of its run.")
        self.deliveredFrames += frames - (self.journals[token]?.delivered ?? 0)
        self.journals[token]?.delivered = frames
    }

    /// Removes the journal that the store's answer with `token` is for.
    ///
    /// - Returns: `nil` when the answer is not for a journal.
    func take(_ token: UInt32) -> Journal<Connection>? {
        guard let journal = self.journals.removeValue(forKey: token) else { return nil }
        self.deliveredFrames -= journal.delivered
        assert(self.deliveredFrames >= 0, "Only frames of journals are counted.")
        return journal
    }

    /// Drops every reference to a connection, when the shard is released.
    func removeAll() {
        self.journals = [:]
        self.deliveredFrames = 0
    }
}
