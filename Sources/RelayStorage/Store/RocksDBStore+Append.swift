import Logging
import RelayCore
import TTMSProtocol

/// Appending of frames.
extension RocksDBStore {
    /// Stages a frame for `ccid`. At a cap, older frames are evicted or it is rejected.
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
            self.oldest.schedule(slot, at: acceptedAt)
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
        self.stagedGrowth += 1
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
}
