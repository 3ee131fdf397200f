import Logging
import RelayCore
import TTMSProtocol

/// Appending, and what gives way to it.
extension RocksDBStore {
    /// Stages a frame for `ccid`, evicting older ones or refusing it where a cap says so.
    public func append(
        _ frame: UnsafeRawBufferPointer,
        to ccid: CCID,
        acceptedAt: Timestamp,
        timeToLive: UInt32?,
        isInFlight: Bool,
        isTraced: Bool
    ) throws(StoreError) -> AppendOutcome {
        guard (1...Int(UInt16.max)).contains(frame.count) else {
            throw StoreError(.other, "A frame has 1 to 65535 bytes, not \(frame.count). Please report it.")
        }
        let known = self.table.slot(of: ccid)
        guard let slot = known ?? self.table.freeSlot(occupied: self.totals.terminals) else { return self.reject(.identifiers) }
        if known != nil, self.table[slot].next > MessageID.maximumSequence { return self.reject(.identifiers) }
        let isFirst = known.map { self.table[$0].frames == 0 } ?? true
        let mayBeRefused = !isInFlight && self.limits.policy != .pushBack
        if mayBeRefused, isFirst, self.totals.terminals >= self.limits.terminals { return self.reject(.terminals) }
        if mayBeRefused, let cap = self.makeRoom(in: known, size: frame.count) {
            return self.reject(cap)
        }
        if known == nil { self.table.assign(ccid, to: slot) }

        let previous = Timestamp(microseconds: self.table[slot].lastAcceptedAt)
        let acceptedAt = self.clock.next(acceptedAt, after: previous).microseconds
        self.table[slot].lastAcceptedAt = acceptedAt
        let timeToLive = timeToLive ?? self.limits.timeToLive
        let sequence = self.table[slot].next
        let wasEmpty = self.table[slot].frames == 0
        let hasQueued = self.table[slot].queuedFrames > 0
        self.staging.append(
            frame,
            sequence: sequence,
            acceptedAt: acceptedAt,
            timeToLive: timeToLive,
            to: &self.table[slot].staged
        )
        if wasEmpty {
            self.totals.terminals += 1
            self.kept.insert(ccid)
            self.table[slot].timeToLive = timeToLive
            self.table[slot].isMixed = false
        } else if timeToLive != self.table[slot].timeToLive {
            self.table[slot].isMixed = true
        }
        self.table[slot].next = sequence + 1
        self.table[slot].frames += 1
        self.table[slot].bytes += frame.count
        if isInFlight, !hasQueued {
            self.table[slot].inFlight.append(
                TerminalQueue.InFlightFrame(sequence: sequence, acceptedAt: acceptedAt, size: frame.count)
            )
            self.table[slot].inFlightBytes += frame.count
            self.table[slot].cursor = sequence + 1
            self.inFlightFrames += 1
            self.inFlightBytes += frame.count
        } else if !hasQueued {
            self.table[slot].advance(to: sequence, acceptedAt: acceptedAt, lastAcceptedAt: acceptedAt)
            self.oldest?.schedule(slot, at: acceptedAt)
        }
        if let expiry = Timestamp(microseconds: acceptedAt).expiry(timeToLive: timeToLive) {
            self.expiries.schedule(slot, at: expiry.microseconds)
        }
        let isSwitched = self.book.isTracing(ccid, now: self.now)
        if isTraced || isSwitched {
            let trace = MessageTrace(
                id: MessageID(slot: slot, sequence: sequence),
                destination: ccid,
                frame: frame,
                acceptedAt: Timestamp(microseconds: acceptedAt),
                expiresAt: Timestamp(microseconds: acceptedAt).expiry(timeToLive: timeToLive)
            )
            self.book.begin(trace, isSwitched: isSwitched, maximum: self.limits.traces, now: self.now)
            if isInFlight, !hasQueued { _ = self.book.written([trace.id], now: self.now) }
        }
        self.totals.frames += 1
        self.totals.bytes += frame.count
        self.totals.appended += 1
        self.staged += 1
        self.noteChange(of: slot)
        self.noteLoad(of: slot)
        return .queued(MessageID(slot: slot, sequence: sequence))
    }

    private func reject(_ cap: StoreLimits.Cap) -> AppendOutcome {
        self.countRefused()
        return .rejected(cap)
    }

    /// Stages that a frame was refused.
    public func countRefused() {
        self.totals.rejected += 1
        self.staged += 1
    }

    /// Evicts until a frame of `size` bytes fits.
    ///
    /// - Parameter slot: `nil` for a terminal that has none yet.
    /// - Returns: the cap because of which it never will.
    private func makeRoom(in slot: UInt32?, size: Int) -> StoreLimits.Cap? {
        while true {
            let terminal = slot.map { self.table[$0].load } ?? StoreLoad()
            do throws(StoreError) {
                switch self.limits.admission(size: size, terminal: terminal, all: self.load) {
                case .admitted: return nil
                case .rejected(let cap): return cap
                case .evictOfTerminal: if let slot { try self.evict(from: slot) }
                case .evictOfAll: try self.evict(from: self.slotOfOldest())
                }
            } catch {
                // The frames there are damaged or cannot be read now. They stay; the new one is refused, and counted.
                if self.evictionFailure != error {
                    self.logger.error("The oldest frame cannot be evicted.", metadata: ["error": "\(error)"])
                }
                self.evictionFailure = error
                return .eviction
            }
        }
    }

    /// Evicts the oldest queued frame of a terminal that has one.
    private func evict(from slot: UInt32) throws(StoreError) {
        var victim: EndedFrame?
        var follower: (sequence: UInt64, acceptedAt: Int64)?
        try self.walk(slot, from: self.table[slot].cursor) { frame in
            guard victim == nil else {
                follower = (frame.sequence, frame.acceptedAt)
                return false
            }
            victim = EndedFrame(frame)
            return true
        }
        guard let victim else { throw self.missing(in: slot) }
        self.table[slot].advance(
            to: follower?.sequence ?? self.table[slot].next,
            acceptedAt: follower?.acceptedAt,
            lastAcceptedAt: victim.acceptedAt
        )
        try self.end([victim], of: slot, as: \.evicted)
    }

    /// The slot with the oldest queued frame of all. There is one.
    private func slotOfOldest() throws(StoreError) -> UInt32 {
        var schedule = self.oldest ?? self.scheduleOldest()
        defer { self.oldest = schedule }
        self.oldest = nil
        while let (slot, time) = schedule.popFirst() {
            guard self.table[slot].queuedFrames > 0 else { continue }
            do throws(StoreError) {
                let oldest = try self.oldestQueuedAt(in: slot)
                schedule.schedule(slot, at: oldest)
                if oldest == time { return slot }
            } catch {
                schedule.schedule(slot, at: time)
                throw error
            }
        }
        throw RocksDBFailure.damaged("The store counts \(self.totals.frames) frames, but no queue has one")
    }

    func scheduleOldest() -> SlotSchedule {
        var schedule = SlotSchedule()
        for slot in self.table.queues.indices where self.table.queues[slot].queuedFrames > 0 {
            schedule.schedule(UInt32(truncatingIfNeeded: slot), at: self.table.queues[slot].oldestQueuedAt)
        }
        return schedule
    }
}
