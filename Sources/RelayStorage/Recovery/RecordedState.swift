import NIOCore
import RelayCore
import TTMSProtocol

/// The state of all queues in a store's records (``MetaKey``), as far as they can be read.
struct RecordedState {
    /// The record of the last commit; `nil` when none can be read.
    private(set) var commit: CommitRecord?
    /// The records of terminals, by slot.
    private(set) var terminals: [UInt32: TerminalRecord] = [:]
    /// Whether all records could be read. Otherwise a difference between the records and the frames is no finding.
    private(set) var isComplete = true

    /// Reads all records of `database`, and adds their flaws to `result`.
    ///
    /// - Parameter directory: the directory, which has the last known commit; `nil` when that does not matter.
    init(of database: Database, in directory: StoreDirectory?, _ result: inout InspectionResult) {
        do throws(StoreError) {
            let iterator = try database.iterator(.meta)
            iterator.seek(0)
            while let key = iterator.key {
                self.take(key, ByteBuffer(bytes: iterator.value), &result)
                iterator.next()
            }
            try iterator.check()
        } catch {
            self.isComplete = false
            result.add(.unreadable, "The records of the queues cannot be read to their end. \(error.message)")
        }
        result.commit = self.commit?.number ?? 0
        result.totals = self.commit?.totals ?? StoreTotals()
        guard self.commit != nil else {
            self.isComplete = false
            result.add(.contradiction, "The store has no checkpoint: its contents are not known.")
            return
        }
        if let directory { self.checkCommits(directory, &result) }
        if self.isComplete { self.checkTotals(&result) }
        self.checkTerminals(&result)
    }

    // MARK: Reading

    /// Adds a record. The records are read in the order of their keys: the checkpoint, its terminals, the deltas.
    private mutating func take(_ key: UInt64, _ value: ByteBuffer, _ result: inout InspectionResult) {
        var value = value
        if key == MetaKey.checkpoint {
            self.commit = CommitRecord(from: &value)
            if self.commit == nil { self.note(key, "is no checkpoint", &result) }
        } else if let slot = MetaKey.slot(key) {
            guard let record = TerminalRecord(from: &value), record.slot == slot, value.readableBytes == 0 else {
                return self.note(key, "is no terminal's", &result)
            }
            self.terminals[slot] = record
        } else if let number = MetaKey.commit(key) {
            self.takeDelta(key, number, value, &result)
        } else if MetaKey.switched(key) != nil {
            if value.withUnsafeReadableBytes(SwitchRecord.read) == nil { self.note(key, "is no switch", &result) }
        } else {
            self.note(key, "has a key that this release does not know", &result)
        }
    }

    private mutating func takeDelta(_ key: UInt64, _ number: UInt64, _ value: ByteBuffer, _ result: inout InspectionResult) {
        var value = value
        guard let last = self.commit, number > last.number else { return }
        guard let delta = CommitRecord(from: &value), delta.number == number else {
            return self.note(key, "is no commit's", &result)
        }
        if number != last.number + 1 {
            self.isComplete = false
            result.add(.contradiction, "Commit \(number) follows commit \(last.number): those between are missing.")
        }
        self.commit = delta
        while value.readableBytes > 0 {
            guard let record = TerminalRecord(from: &value) else {
                return self.note(key, "ends in a record that is no terminal's", &result)
            }
            self.terminals[record.slot] = record
        }
    }

    private mutating func note(_ key: UInt64, _ what: String, _ result: inout InspectionResult) {
        self.isComplete = false
        result.add(.contradiction, "The record under the key \(String(key, radix: 16)) \(what).")
    }

    // MARK: Checking

    private func checkCommits(_ directory: StoreDirectory, _ result: inout InspectionResult) {
        for note in directory.notes { result.add(.unreadable, note) }
        guard let last = self.commit?.number else { return }
        do throws(StoreError) { try directory.check(last: last) } catch { result.add(.lostCommits, error.message) }
    }

    /// Checks the sums. They wrap around, because the records may have any values.
    private func checkTotals(_ result: inout InspectionResult) {
        let totals = result.totals
        let ends = totals.removed &+ totals.expired &+ totals.deleted &+ totals.evicted
        if totals.appended != UInt64(truncatingIfNeeded: totals.frames) &+ ends {
            result.add(
                .ledger,
                """
                \(totals.appended) frames were appended, but \(totals.frames) are stored, \(totals.removed) delivered, \
                \(totals.expired) expired, \(totals.deleted) deleted and \(totals.evicted) evicted.
                """
            )
        }
        var sum = InspectionResult.Content()
        for record in self.terminals.values where record.frames > 0 {
            sum.terminals += 1
            sum.frames &+= record.frames
            sum.bytes &+= record.bytes
        }
        if sum != InspectionResult.Content(terminals: totals.terminals, frames: totals.frames, bytes: totals.bytes) {
            result.add(
                .ledger,
                """
                The queues of \(sum.terminals) terminals count \(sum.frames) frames with \(sum.bytes) bytes, but the store \
                \(totals.frames) with \(totals.bytes) for \(totals.terminals).
                """
            )
        }
    }

    private func checkTerminals(_ result: inout InspectionResult) {
        var slots: [CCID: UInt32] = [:]
        for record in self.terminals.values.sorted(by: { $0.slot < $1.slot }) {
            if let other = slots.updateValue(record.slot, forKey: record.ccid) {
                result.add(
                    .contradiction,
                    of: record.ccid,
                    "The terminal has two queues, in slots \(other) and \(record.slot)."
                )
            }
        }
    }
}
