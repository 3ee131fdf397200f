import NIOCore
import RelayCore
import TTMSProtocol

/// Reads chunks of frames in the order of their keys, and counts the frames of each queue.
struct MessageScan {
    /// The contents found for one queue.
    private struct Tally {
        var frames = 0
        var bytes = 0
        /// The sequence after the last place that was read.
        var next: UInt64 = 0
        /// The time at which the last frame was accepted, µs.
        var acceptedAt = Int64.min
        /// Whether such a finding was added; one per queue suffices.
        var isMisdated = false
        /// The frames with traces that have not ended.
        var traced = 0
    }

    private let records: RecordedState
    private let traces: RecordedTraces
    private var result: InspectionResult
    private var tallies: [UInt32: Tally] = [:]

    /// Continues a result that has the findings on the records.
    init(_ records: RecordedState, _ traces: RecordedTraces, _ result: InspectionResult) {
        self.records = records
        self.traces = traces
        self.result = result
    }

    // MARK: Reading

    /// Reads the chunks under `keys`, and calls `body` with each message in a queue. Continues after unreadable chunks.
    mutating func read<Failure: Error>(
        _ keys: Range<UInt64>,
        of database: Database,
        _ body: (StoredMessage) throws(Failure) -> Void
    ) throws(Failure) {
        var position = keys.lowerBound
        while let error = try self.readOn(&position, to: keys.upperBound, of: database, body) {
            let id = MessageID(rawValue: position)
            self.result.add(
                .unreadable,
                of: self.records.terminals[id.slot]?.ccid,
                "The messages from \(id) on cannot be read. \(error.message)"
            )
            guard let next = database.firstReadableMessage(after: position, before: keys.upperBound) else { return }
            position = next
        }
    }

    /// - Returns: the error that stopped the reading at `position`; `nil` at the end.
    private mutating func readOn<Failure: Error>(
        _ position: inout UInt64,
        to end: UInt64,
        of database: Database,
        _ body: (StoredMessage) throws(Failure) -> Void
    ) throws(Failure) -> StoreError? {
        let iterator: DatabaseIterator
        do throws(StoreError) { iterator = try database.iterator(.messages) } catch { return error }
        iterator.seek(position)
        while let key = iterator.key, key < end {
            try self.take(key, iterator.value, body)
            position = key + 1
            iterator.next()
        }
        guard iterator.key == nil else { return nil }
        do throws(StoreError) { try iterator.check() } catch { return error }
        return nil
    }

    private mutating func take<Failure: Error>(
        _ key: UInt64,
        _ record: UnsafeRawBufferPointer,
        _ body: (StoredMessage) throws(Failure) -> Void
    ) throws(Failure) {
        let first = MessageID(rawValue: key)
        let terminal = self.records.terminals[first.slot]
        guard let chunk = Chunk(record) else {
            return self.result.add(.contradiction, of: terminal?.ccid, "The record of message \(first) holds no frames.")
        }
        var tally = self.tallies[first.slot] ?? Tally()
        if first.sequence < tally.next {
            self.result.add(.contradiction, of: terminal?.ccid, "Two records hold the message \(first).")
        }
        var size = Chunk.headerSize + chunk.count * Chunk.entrySize
        var strayFrames = 0
        var failure: Failure?
        let isWhole = chunk.visit { offset, entry in
            let sequence = first.sequence + UInt64(offset)
            size += entry.frame.count
            tally.next = max(tally.next, sequence + 1)
            if entry.frame.isEmpty { return true }
            guard let terminal, sequence < terminal.next else {
                strayFrames += 1
                return true
            }
            guard sequence >= terminal.head else {
                self.result.deadFrames += 1
                return true
            }
            let id = MessageID(slot: first.slot, sequence: sequence)
            let message = StoredMessage(
                id: id,
                destination: terminal.ccid,
                frame: Array(entry.frame),
                acceptedAt: Timestamp(microseconds: entry.acceptedAt),
                expiresAt: Timestamp(microseconds: entry.acceptedAt).expiry(timeToLive: chunk.timeToLive),
                isInFlight: false,
                trace: self.traces.live[id]
            )
            tally.frames += 1
            tally.traced += message.trace == nil ? 0 : 1
            if self.traces.ended.contains(id) {
                self.result.add(.trace, of: terminal.ccid, "Message \(id) is stored, but its trace has ended.")
            }
            tally.bytes += entry.frame.count
            self.check(entry.frame, of: message)
            self.checkTime(of: message, chunk.timeToLive, terminal, &tally)
            do throws(Failure) { try body(message) } catch { failure = error }
            return failure == nil
        }
        self.tallies[first.slot] = tally
        if let failure { throw failure }
        if isWhole == nil || size != record.count {
            self.result.add(.contradiction, of: terminal?.ccid, "The record of message \(first) has a wrong size.")
        }
        // If not all records could be read, those of these frames' queue may be among the others.
        if strayFrames > 0, self.records.isComplete {
            self.result.add(.stray, of: terminal?.ccid, "\(strayFrames) frames from message \(first) on are in no queue.")
        }
    }

    // MARK: Checking

    private mutating func check(_ frame: UnsafeRawBufferPointer, of message: StoredMessage) {
        let header = Frame.forwardHeader.withUTF8Buffer { $0.elementsEqual(frame.prefix($0.count)) }
        guard frame.count >= Frame.minimumSize, header, let start = frame.baseAddress else {
            return self.result.add(
                .unsound,
                of: message.destination,
                "Message \(message.id) is not a frame that the relay forwards."
            )
        }
        if Checksum.xor(start, count: frame.count) != 0 {
            self.result.add(.unsound, of: message.destination, "The frame of message \(message.id) fails its checksum.")
        }
    }

    /// Checks a frame's times: they rise from frame to frame, and the queue is searched for expired frames before its first one
    /// expires.
    private mutating func checkTime(
        of message: StoredMessage,
        _ timeToLive: UInt32,
        _ terminal: TerminalRecord,
        _ tally: inout Tally
    ) {
        let time = message.acceptedAt.microseconds
        // A queue whose first frames are missing fails this check.
        let isOldest = terminal.isOldestExact && message.id.sequence == terminal.head
        let isSound =
            time > tally.acceptedAt && time <= self.records.commit?.clock.microseconds ?? .max
            && (isOldest ? time == terminal.oldestAt : time >= terminal.oldestAt)
            && message.expiresAt?.microseconds ?? .max >= terminal.earliestExpiry
            && (terminal.isMixed || timeToLive == terminal.timeToLive)
        tally.acceptedAt = time
        guard !isSound, !tally.isMisdated else { return }
        tally.isMisdated = true
        self.result.add(
            .misdated,
            of: message.destination,
            """
            Message \(message.id), accepted \(time) µs after 1970 with a time to live of \(timeToLive) s, fits neither the \
            message before it nor the record of its queue.
            """
        )
    }

    /// Compares the contents found in the queues of `slots` with their records.
    func finish(_ slots: [UInt32]) -> InspectionResult {
        var result = self.result
        var traced: [UInt32: Int] = [:]
        for id in self.traces.live.keys { traced[id.slot, default: 0] += 1 }
        for slot in slots {
            guard let terminal = self.records.terminals[slot] else { continue }
            let tally = self.tallies[slot] ?? Tally()
            result.found.terminals += tally.frames > 0 ? 1 : 0
            result.found.frames += tally.frames
            result.found.bytes += tally.bytes
            guard self.records.isComplete else { continue }
            guard (tally.frames, tally.bytes) != (terminal.frames, terminal.bytes) else {
                let missing = (traced[slot] ?? 0) - tally.traced
                if missing > 0 {
                    result.add(.trace, of: terminal.ccid, "\(missing) messages are traced as stored, but are not in the queue.")
                }
                continue
            }
            result.add(
                .count,
                of: terminal.ccid,
                """
                \(terminal.frames) frames with \(terminal.bytes) bytes are counted, but \(tally.frames) with \(tally.bytes) were \
                found.
                """
            )
        }
        return result
    }
}

extension Database {
    /// The lowest key after the unreadable `position` from which messages can be read again.
    ///
    /// RocksDB does not report the end of a damaged block, so it is found by trials: in doubling steps, then by halves.
    ///
    /// - Returns: `nil` when there is none before `end`.
    fileprivate func firstReadableMessage(after position: UInt64, before end: UInt64) -> UInt64? {
        var unreadable = position
        var readable: UInt64?
        var distance: UInt64 = 1
        while readable == nil {
            guard distance < end - position else { return nil }
            if self.isReadable(from: position + distance) {
                readable = position + distance
            } else {
                unreadable = position + distance
            }
            distance = distance > .max / 2 ? .max : distance * 2
        }
        guard var readable else { return nil }
        while readable - unreadable > 1 {
            let middle = unreadable + (readable - unreadable) / 2
            if self.isReadable(from: middle) { readable = middle } else { unreadable = middle }
        }
        return readable
    }

    private func isReadable(from key: UInt64) -> Bool {
        do throws(StoreError) {
            let iterator = try self.iterator(.messages)
            iterator.seek(key)
            if iterator.key == nil { try iterator.check() }
            return true
        } catch {
            return false
        }
    }
}
