import NIOCore
import RelayCore
import TTMSProtocol

// What time brings: acknowledgements, timeouts, terminals to forget. One timer per shard, none per connection.
extension Shard {
    /// How old a frame may become before the kernel is asked whether it has arrived, and it goes to disk if not: what is looked
    /// at in the millisecond after is then in the next group commit in time (`journal_after`). Asking sooner would cost a system
    /// call beside the two that an un-pipelined frame takes; asking much later would keep memory.
    private var journalDelay: TimeAmount? {
        guard case .after(let time) = self.options.journal, time > .zero else { return nil }
        return max(time - .milliseconds(2), .nanoseconds(time.nanoseconds / 2))
    }
    /// Frames go to disk later by themselves than a receipt should have to wait.
    var journalsLate: Bool {
        switch self.options.journal {
        case .off: true
        case .after(let time): time > Self.longestDelay
        }
    }
    var acknowledgementDelay: TimeAmount { min(self.journalDelay ?? Self.longestDelay, Self.longestDelay) }
    private static let longestDelay = TimeAmount.milliseconds(20)
    /// How soon a connection without room is looked at again: its terminal is fed from disk, and waits for this. While nobody gets
    /// room, the interval doubles.
    static let shortestStarvedInterval = TimeAmount.milliseconds(2)
    private static let longestStarvedInterval = TimeAmount.milliseconds(128)
    /// How soon a connection that acknowledges nothing is looked at again when all that is on its way is on disk, too.
    private static let stuckInterval = TimeAmount.milliseconds(200)
    /// How many connections ahead memory is asked for: one system call, which each costs, is about as long as the memory takes.
    private static let sweepLead = 2
    /// How often timeouts are looked at.
    static let timeoutInterval = TimeAmount.milliseconds(250)
    /// Silent connections that one look closes at the most, some 20 ms; the others are closed by the next looks. A network that
    /// fails can make a whole fleet fall silent at once.
    private static let silentAtOnce = 512

    // MARK: Acknowledgement

    /// Has the sweep look at `connection` when its bytes have been on their way for some time.
    @inline(__always)
    func awaitAcknowledgement(_ connection: TerminalConnection) {
        if !connection.isAwaitingAcknowledgement, connection.outbound.unacknowledged > 0 {
            self.awaitAcknowledgement(connection, since: self.tickTime)
        }
    }

    private func awaitAcknowledgement(_ connection: TerminalConnection, since: NIODeadline) {
        guard !connection.isAwaitingAcknowledgement, connection.closeReason == nil,
            connection.outbound.unacknowledged > 0
        else { return }
        connection.isAwaitingAcknowledgement = true
        self.awaitingAcknowledgement.add(connection, due: since + self.acknowledgementDelay)
        self.scheduleSweep()
    }

    func scheduleSweep() {
        guard !self.isSweepScheduled else { return }
        self.isSweepScheduled = true
        self.call(Sweep(shard: self), at: self.awaitingAcknowledgement.next ?? self.eventLoop.now + Self.longestDelay)
    }

    fileprivate func sweep() {
        self.isSweepScheduled = false
        let now = self.startRead()
        var due: [TerminalConnection] = []
        swap(&due, &self.spareDue)
        self.awaitingAcknowledgement.takeDue(by: now, into: &due)
        for (index, connection) in due.enumerated() {
            // Milliseconds after its frame was written a connection has left the caches, and the next ones are known here.
            if index + Self.sweepLead < due.count { due[index + Self.sweepLead].prefetch() }
            connection.isAwaitingAcknowledgement = false
            self.lookAt(connection, now: now)
        }
        due.removeAll(keepingCapacity: true)
        swap(&due, &self.spareDue)
        self.goOnReading()
        self.goOnWithRoom()
        if !self.awaitingAcknowledgement.isEmpty || !self.paused.isEmpty || !self.heldBack.isEmpty { self.scheduleSweep() }
    }

    private func lookAt(_ connection: TerminalConnection, now: NIODeadline) {
        guard connection.closeReason == nil else { return }
        let before = connection.outbound.acknowledged
        self.sampleAcknowledged(connection)
        if connection.isPaused(for: .replies), connection.unread < self.options.outbound.lowWatermark {
            connection.goOnReading(after: .replies)
        }
        if let journalDelay { self.journal(connection, since: now - journalDelay) }
        if let oldest = connection.window.oldestUnjournaled {
            // In time for the frames that were put since it was looked at last.
            self.awaitAcknowledgement(connection, since: max(oldest, now - self.acknowledgementDelay))
        } else if connection.outbound.acknowledged == before {
            self.awaitStuck(connection)
        } else {
            self.awaitAcknowledgement(connection, since: now)
        }
    }

    /// Looks at a connection that makes no progress now and then only. When something new is put, it is looked at as others are.
    private func awaitStuck(_ connection: TerminalConnection) {
        guard !connection.isStuck, connection.outbound.unacknowledged > 0 else { return }
        connection.isStuck = true
        self.stuck.append(.init(connection: connection, since: self.tickTime))
        if self.stuck.count == 1 { self.scheduleStuckSweep() }
    }

    private func scheduleStuckSweep() {
        self.eventLoop.scheduleTask(in: Self.stuckInterval) {
            let now = self.startRead()
            while let first = self.stuck.first, first.since + Self.stuckInterval <= now {
                self.stuck.removeFirst()
                first.connection.isStuck = false
                if !first.connection.isAwaitingAcknowledgement { self.lookAt(first.connection, now: now) }
            }
            if !self.stuck.isEmpty { self.scheduleStuckSweep() }
        }
    }

    /// Has the store asked for the connection's terminals when the connection has room again.
    func awaitRoom(_ connection: TerminalConnection) {
        guard !connection.isStarved else { return }
        connection.isStarved = true
        self.starved.append(connection)
        self.scheduleStarvedSweep()
    }

    private func scheduleStarvedSweep() {
        guard !self.isStarvedSweepScheduled else { return }
        self.isStarvedSweepScheduled = true
        self.eventLoop.scheduleTask(in: self.starvedInterval) { self.feedStarved() }
    }

    private func feedStarved() {
        self.isStarvedSweepScheduled = false
        _ = self.startRead()
        let starved = self.starved
        self.starved = []
        for connection in starved {
            connection.isStarved = false
            for ccid in connection.session.ccids {
                if let terminal = self.terminals[ccid], terminal.connection === connection { self.pump(terminal) }
            }
        }
        let isProgress = self.starved.count < starved.count
        self.starvedInterval =
            isProgress ? Self.shortestStarvedInterval : min(self.starvedInterval * 2, Self.longestStarvedInterval)
    }

    /// Asks the kernel what `connection`'s peer has acknowledged, unless only a heartbeat counts on its listener.
    func sampleAcknowledged(_ connection: TerminalConnection) {
        if connection.listener.confirm == .acknowledged { self.sample(connection) }
    }

    /// Asks the kernel what `connection`'s peer has acknowledged, and counts what that delivers.
    func sample(_ connection: TerminalConnection) {
        guard connection.sampleAcknowledgement() else { return }
        let acknowledged = connection.outbound.acknowledged
        connection.window.acknowledge(upTo: acknowledged) { self.delivered($0, on: connection) }
        connection.outbound.release(before: connection.window.start ?? acknowledged)
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
            terminal.deliveredBeforeReceipt[token] = run.frames
            self.awaitingRemoval += run.frames
        case .stored(let marks):
            if !self.tracedFrames.isEmpty { self.tracedFramesArrived(marks, on: connection) }
            if let last = marks.last {
                self.withSubmission { $0.removals.append(.init(ccid: terminal.ccid, through: last.id)) }
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

    /// Starts the timer that looks for silent connections and terminals to forget, and at how late the event loop is for it: as
    /// late as it would be for a frame that came in that moment.
    func startTimer() {
        let due = self.eventLoop.now + Self.timeoutInterval
        self.call(Look(shard: self, due: due), at: due)
    }

    fileprivate func look(due: NIODeadline) {
        self.counters.timerDelays.record((self.eventLoop.now - due).seconds)
        self.closeSilent()
        self.endWriteThrough()
        self.forgetTerminals()
        self.reportLateTerminals()
        self.reportStore()
        self.reportHeldBack()
        self.forgetWaits()
        self.tellWaitingBytes()
        self.startTimer()
    }

    private func closeSilent() {
        let now = self.eventLoop.now
        let session = self.options.session
        var closed = 0
        for connection in self.connections {
            let reason = connection.session.timeoutReached(
                lastReceived: connection.lastReceived,
                now: now,
                options: session
            )
            // A connection that is held back is silent because of us; and one whose bytes lie in the kernel, as after the process
            // was stopped, because nobody has listened.
            if let reason, !connection.isPaused, !connection.hasMoreToRead {
                self.close(connection, reason)
                closed += 1
                if closed == Self.silentAtOnce { return }
            }
        }
    }

    /// Keeps the number of remembered offline terminals within its limit. Which ones go is left to chance.
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

    /// More of them are not told apart, so that receipts may wait for others' frames: they are all looked at after each commit.
    private static let maximumLeft = 1_000

    /// The terminal is not known here any more; what was stored for it may not be durable yet.
    func leave(_ terminal: Terminal) {
        let submission = terminal.mailbox.appendSubmission
        if submission > self.committed {
            if self.left.count < Self.maximumLeft || self.left[terminal.ccid] != nil {
                self.left[terminal.ccid] = submission
            } else {
                self.lastLeft = max(self.lastLeft, submission)
            }
        }
        self.terminals.remove(terminal.ccid)
    }
}

// What runs as long as the relay does, some hundred times a second, is no task: SwiftNIO allocates seven times for each of those,
// and nothing for a handler that is as small as these.
extension Shard {
    private func call(_ handler: some NIOScheduledCallbackHandler & Sendable, at deadline: NIODeadline) {
        // Fails only when the event loop has been shut down: nothing is due there any more.
        _ = try? self.eventLoop.scheduleCallback(at: deadline, handler: handler)
    }

    private struct Sweep: NIOScheduledCallbackHandler {
        let shard: Shard

        func handleScheduledCallback(eventLoop: some EventLoop) { self.shard.sweep() }
    }

    private struct Look: NIOScheduledCallbackHandler {
        let shard: Shard
        let due: NIODeadline

        func handleScheduledCallback(eventLoop: some EventLoop) { self.shard.look(due: self.due) }
    }
}

/// A connection that has acknowledged nothing since some time.
struct StuckConnection {
    var connection: TerminalConnection
    var since: NIODeadline
}

extension TimeAmount {
    /// The time in seconds, for metrics.
    fileprivate var seconds: Double { Double(self.nanoseconds) / 1_000_000_000 }
}
