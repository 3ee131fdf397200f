import RelayCore

/// Frames in flight that are on their way to the store: what is needed to find them again when the receipt comes.
struct Journal<Connection> {
    var connection: Connection
    /// The end of each frame in bytes, counted from the run's start.
    var ends: [Int]
    /// Frames that were delivered before the receipt came, from the first on.
    var delivered = 0

    /// The frames' ids, when the last has the id `last`: frames appended one after the other have ids one after the other.
    func marks(upTo last: MessageID) -> [StoredRun.Mark] {
        let count = UInt64(self.ends.count)
        return self.ends.enumerated().map { index, end in
            let sequence = last.sequence &- (count &- 1 &- UInt64(index))
            return StoredRun.Mark(end: end, id: MessageID(slot: last.slot, sequence: sequence))
        }
    }
}

/// The journals of one event loop whose receipts the store has not given, by the receipts' tokens.
///
/// A frame of a journal can be delivered before its id in the store is known. It then counts as delivered here and as in flight
/// there, until the receipt comes: ``deliveredFrames`` is that difference, which the ledger needs (G7).
final class JournalRegister<Connection> {
    private var journals: [UInt32: Journal<Connection>] = [:]
    /// Frames that are delivered and whose ids are not known.
    private(set) var deliveredFrames = 0

    var count: Int { self.journals.count }
    /// Whether no receipt is due.
    var isEmpty: Bool { self.journals.isEmpty }

    /// Frames of `connection` are appended, and the receipt for the last one will have `token`.
    func began(_ token: UInt32, on connection: Connection, ends: [Int]) {
        assert(token != 0 && self.journals[token] == nil, "A token stands for one receipt.")
        assert(!ends.isEmpty, "A journal has frames.")
        self.journals[token] = Journal(connection: connection, ends: ends)
    }

    /// The frames of a journal that are acknowledged to their last byte.
    ///
    /// - Parameter bytes: acknowledged bytes of the run.
    /// - Returns: how many, and where the last one ends; `nil` when there is none.
    func acknowledged(_ token: UInt32, bytes: Int) -> (frames: Int, end: Int)? {
        guard let ends = self.journals[token]?.ends.prefix(while: { $0 <= bytes }), let end = ends.last else { return nil }
        return (ends.count, end)
    }

    /// The first frames of a journal were delivered before its receipt came.
    func delivered(_ token: UInt32, frames: Int) {
        guard let ends = self.journals[token]?.ends else { return }
        assert(frames <= ends.count, "A journal has the frames of its run.")
        self.deliveredFrames += frames - (self.journals[token]?.delivered ?? 0)
        self.journals[token]?.delivered = frames
    }

    /// The receipt with `token` came.
    ///
    /// - Returns: `nil` when it is no journal's.
    func take(_ token: UInt32) -> Journal<Connection>? {
        guard let journal = self.journals.removeValue(forKey: token) else { return nil }
        self.deliveredFrames -= journal.delivered
        assert(self.deliveredFrames >= 0, "Only frames of journals are counted.")
        return journal
    }

    /// The process is dead: nothing refers to connections any more.
    func removeAll() {
        self.journals = [:]
        self.deliveredFrames = 0
    }
}
