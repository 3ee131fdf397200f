import NIOCore
import RelayCore
import TTMSProtocol

// Timed work: acknowledgements, timeouts, terminals to forget. One timer serves each shard, none a single connection.
extension Shard {
    /// The maximum number of terminals that one check feeds: about 2 ms.
    private static let fedAtOnce = 1_024
    /// The number of connections that memory is prefetched ahead. Each prefetch costs one system call, which takes about as long as
    /// the memory.
    private static let sweepLead = 2
    /// The interval between two checks of timeouts.
    static let timeoutInterval = TimeAmount.milliseconds(250)
    /// The maximum number of silent connections that one check closes, in about 20 ms; later checks close the others. A network
    /// failure can make a whole fleet silent at once.
    private static let silentAtOnce = 512

    // MARK: Acknowledgement

    /// Schedules the sample of `connection` and the journal of its frames. Called after each flush.
    ///
    /// Heartbeat replies need neither: their delivery is not checked.
    @inline(__always)
    func awaitAcknowledgement(_ connection: TerminalConnection) {
        guard !connection.window.isEmpty || connection.isPaused(for: .replies), connection.closeReason == nil else { return }
        if !connection.isAwaitingJournal, let oldest = connection.window.oldestUnjournaled,
            self.acknowledgements.journalDelay != nil
        {
            self.acknowledgements.journal(connection, since: oldest)
            self.scheduleSweep()
        }
        if !connection.isAwaitingSample, !connection.isAwaitingJournal || self.acknowledgements.journalsLate {
            self.awaitSample(connection)
        }
    }

    private func awaitSample(_ connection: TerminalConnection) {
        if connection.pace.isMeasurementDue { connection.measureRoundTrip() }
        let due = connection.pace.next(
            oldest: connection.window.oldest ?? self.tickTime,
            now: self.tickTime,
            shortest: AcknowledgementQueue.longestDelay
        )
        self.acknowledgements.sample(connection, at: due)
        self.scheduleSweep()
    }

    /// Schedules ``sweep(due:)`` for the time when the next connection is due, or soon while senders wait for room.
    func scheduleSweep() {
        let now = self.tickTime
        var due = self.acknowledgements.next ?? .distantFuture
        if !self.heldSenders.isEmpty { due = min(due, now + AcknowledgementQueue.longestDelay) }
        if let removalsDue = self.store.removalsDue { due = min(due, removalsDue) }
        self.sweepTimer.set(to: due) { self.call(Sweep(shard: self, due: due), at: due) }
    }

    fileprivate func sweep(due: NIODeadline) {
        guard self.sweepTimer.fires(at: due) else { return }
        let now = self.startRead()
        self.acknowledgements.withDue(by: now) { connections, unjournaled in
            for (index, connection) in connections.enumerated() {
                // Milliseconds after its frame was written a connection is no longer in the caches; the next connections are known
                // here.
                if index + Self.sweepLead < connections.count { connections[index + Self.sweepLead].prefetch() }
                guard connection.closeReason == nil else { continue }
                if index < unjournaled { self.journalInTime(connection, now: now) } else { self.sampleInTime(connection) }
                self.awaitAcknowledgement(connection)
            }
        }
        if let removalsDue = self.store.removalsDue, removalsDue <= now { self.scheduleTickEnd() }
        self.resumePausedSenders()
        self.resumeHeldBackSenders()
        self.scheduleSweep()
    }

    /// Journals the frames of `connection` that its peer has not acknowledged in time. A peer too distant to have done so is not
    /// sampled first, and all of its frames are journalled at once.
    private func journalInTime(_ connection: TerminalConnection, now: NIODeadline) {
        guard let delay = self.acknowledgements.journalDelay else { return }
        if connection.pace.isMeasurementDue { connection.measureRoundTrip() }
        if connection.pace.roundTrip >= delay { return self.journal(connection, since: now) }
        self.sampleInTime(connection)
        self.journal(connection, since: now - self.acknowledgements.journalAge)
    }

    private func sampleInTime(_ connection: TerminalConnection) {
        let before = connection.outbound.acknowledged
        self.sampleAcknowledged(connection)
        connection.pace.sampled(isProgress: connection.outbound.acknowledged != before)
        if connection.isPaused(for: .replies), connection.unread < self.options.outbound.lowWatermark {
            connection.resumeReading(after: .replies)
        }
    }

    /// Schedules the reads for the connection's terminals for when the connection has room again.
    func awaitRoom(_ connection: TerminalConnection) {
        self.scheduleFeeding(in: self.starved.add(connection))
    }

    private func scheduleFeeding(in delay: TimeAmount?) {
        guard let delay else { return }
        self.eventLoop.scheduleTask(in: delay) { self.feedStarved() }
    }

    private func feedStarved() {
        _ = self.startRead()
        let starved = self.starved.take()
        var fed = 0
        for (index, connection) in starved.enumerated() {
            guard fed < Self.fedAtOnce else {
                self.scheduleFeeding(in: self.starved.putBack(starved[index...]))
                break
            }
            self.starved.feeds(connection)
            if connection.closeReason == nil { fed += self.feed(connection) }
        }
        self.starved.checked(starved.count)
    }

    /// Requests the next frames of the connection's terminals from the store, in turn while the connection has room.
    ///
    /// - Returns: the number of terminals checked.
    private func feed(_ connection: TerminalConnection) -> Int {
        let ccids = connection.session.ccids
        let count = min(ccids.count, Self.fedAtOnce)
        for fed in 0..<count {
            connection.nextFed = connection.nextFed < ccids.count ? connection.nextFed : 0
            if let terminal = self.terminals[ccids[connection.nextFed]], terminal.connection === connection {
                self.pump(terminal)
                // Without room, this terminal is the first of the next check.
                if connection.isStarved { return fed + 1 }
            }
            connection.nextFed += 1
        }
        if count < ccids.count { self.awaitRoom(connection) }
        return count
    }

    /// Samples the bytes that `connection`'s peer has acknowledged, unless only a heartbeat confirms on its listener.
    func sampleAcknowledged(_ connection: TerminalConnection) {
        if connection.listener.confirm == .acknowledged { self.sample(connection) }
    }

    /// Samples the bytes that `connection`'s peer has acknowledged, and counts the frames that are delivered by that.
    func sample(_ connection: TerminalConnection) {
        guard connection.sampleAcknowledgement() else { return }
        connection.takeAcknowledged { self.delivered($0, on: connection) }
    }

    private func delivered(_ run: DeliveryWindow.Run, on connection: TerminalConnection) {
        let bytes = Int(run.end - run.start)
        self.counters.acknowledgedTimes.record((self.tickTime - run.since).seconds, times: run.frames)
        if run.copy == .none, run.owner == connection.session.source, connection.source != nil {
            self.counters.delivered += UInt64(run.frames)
            self.counters.deliveredBytes += UInt64(bytes)
            connection.uncountedDeliveries.frames += run.frames
            connection.uncountedDeliveries.bytes += bytes
            return
        }
        guard let terminal = self.terminals[run.owner] else { return }
        self.countDelivered(run.frames, bytes: bytes, of: terminal, on: connection)
        switch run.copy {
        case .none:
            break
        case .journaling(let token):
            self.journals.delivered(token, frames: run.frames)
        case .stored(let marks):
            if !self.tracedFrames.isEmpty { self.tracedFramesArrived(marks, on: connection) }
            if let last = marks.last {
                self.removeDelivered(.init(ccid: terminal.ccid, through: last.id))
            }
        }
    }

    func countDelivered(_ frames: Int, bytes: Int, of terminal: Terminal, on connection: TerminalConnection) {
        self.counters.delivered += UInt64(frames)
        self.counters.deliveredBytes += UInt64(bytes)
        terminal.counters.framesDelivered += UInt64(frames)
        terminal.counters.bytesDelivered += UInt64(bytes)
        connection.counters.framesDelivered += UInt64(frames)
        connection.counters.bytesDelivered += UInt64(bytes)
    }

    // MARK: Timeouts

    /// Starts the timer for silent connections and terminals to forget. It also measures the lateness of the event loop, which a
    /// frame that came at that moment would share.
    func startTimer() {
        let due = self.eventLoop.now + Self.timeoutInterval
        self.call(TimeoutCheck(shard: self, due: due), at: due)
    }

    fileprivate func checkTimeouts(due: NIODeadline) {
        self.counters.timerDelays.record((self.eventLoop.now - due).seconds)
        self.closeSilent()
        self.boundUnfinished()
        self.returnMemory()
        self.endWriteThrough()
        self.probeSilent()
        self.takeoverLimiter.forgetIdle(now: self.eventLoop.now)
        self.logClosures()
        self.rejectionPace.forgetIdle(now: self.eventLoop.now)
        self.forgetTerminals()
        self.reportLateTerminals()
        self.reportStore()
        self.reportHeldBack()
        self.receipts.removeUnwanted()
        self.publishWaitingBytes()
        self.startTimer()
    }

    private func closeSilent() {
        let now = self.eventLoop.now
        let session = self.options.session
        var closed = 0
        for connection in self.connections {
            let reason = connection.session.timeoutReached(
                lastReceived: connection.lastReceived,
                unfinishedSince: connection.unfinished.readableBytes > 0 ? connection.unfinishedSince : nil,
                now: now,
                options: session
            )
            // A connection that the relay holds back is silent because of the relay. One with bytes in the kernel is not silent:
            // the process did not read, as after it was stopped.
            if let reason, !connection.isPaused, !connection.hasMoreToRead {
                if reason == .registrationTimeout, self.registersLate(connection) { continue }
                self.close(connection, reason)
                closed += 1
                if closed == Self.silentAtOnce { return }
            }
        }
    }

    /// Handles a first frame that is not sound and shorter than a heartbeat, when its time has ended: until then its rest is
    /// awaited.
    ///
    /// - Returns: whether it has registered a terminal, or the connection is no longer here.
    private func registersLate(_ connection: TerminalConnection) -> Bool {
        connection.handler?.receiveArrived(.end)
        return connection.handler == nil || connection.session.source != nil
    }

    /// Removes remembered offline terminals above the limit, in no particular order.
    private func forgetTerminals() {
        let limit = max(self.options.maximumOfflineTerminals / self.options.eventLoops, 1)
        var excess = self.terminals.count - self.terminalsOnline - limit
        guard excess > 0 else { return }
        var forgotten: [Terminal] = []
        self.terminals.forEach { terminal in
            let isElsewhere = self.handover.isBorrowed(terminal.ccid) || self.handover.isRecalled(terminal.ccid)
            if excess > 0, terminal.isForgettable, !isElsewhere {
                forgotten.append(terminal)
                excess -= 1
            }
        }
        for terminal in forgotten { self.leave(terminal) }
    }

    /// Removes a terminal from this shard; frames stored for it may not be durable yet.
    func leave(_ terminal: Terminal) {
        let submission = terminal.mailbox.appendSubmission
        if submission > self.store.committed { self.receipts.departed(terminal.ccid, submission: submission) }
        self.remove(terminal)
    }
}

// Timers that run several hundred times a second for the relay's whole life are handlers, not tasks. SwiftNIO allocates seven times
// per task, and nothing for handlers as small as these.
extension Shard {
    @discardableResult
    private func call(_ handler: some NIOScheduledCallbackHandler & Sendable, at deadline: NIODeadline) -> NIOScheduledCallback?
    {
        // This fails only when the event loop has been shut down: nothing is due there then.
        try? self.eventLoop.scheduleCallback(at: deadline, handler: handler)
    }

    private struct Sweep: NIOScheduledCallbackHandler {
        let shard: Shard
        let due: NIODeadline

        func handleScheduledCallback(eventLoop: some EventLoop) { self.shard.sweep(due: self.due) }
    }

    private struct TimeoutCheck: NIOScheduledCallbackHandler {
        let shard: Shard
        let due: NIODeadline

        func handleScheduledCallback(eventLoop: some EventLoop) { self.shard.checkTimeouts(due: self.due) }
    }
}

extension TimeAmount {
    /// The time in seconds, for metrics.
    fileprivate var seconds: Double { Double(self.nanoseconds) / 1_000_000_000 }
}
