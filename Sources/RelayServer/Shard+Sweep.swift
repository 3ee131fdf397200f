import NIOCore
import RelayCore
import TTMSProtocol

// What time brings: acknowledgements, timeouts, terminals to forget. One timer per shard, none per connection.
extension Shard {
    /// How often the kernel is asked what has been acknowledged, while anything is not: often enough that memory is given back
    /// soon, seldom enough that a system call per connection and sweep does not show beside two per frame.
    static let sweepInterval = TimeAmount.milliseconds(20)
    /// The same while a terminal is fed from disk, where each answer lets the next frames go.
    static let drainInterval = TimeAmount.milliseconds(2)
    /// How often timeouts are looked at.
    static let timeoutInterval = TimeAmount.milliseconds(250)

    // MARK: Acknowledgement

    /// Has the sweep look at `connection` until its peer has acknowledged everything.
    func awaitAcknowledgement(_ connection: TerminalConnection) {
        guard !connection.isAwaitingAcknowledgement, connection.closeReason == nil,
            connection.outbound.unacknowledged > 0
        else { return }
        connection.isAwaitingAcknowledgement = true
        self.awaitingAcknowledgement.append(connection)
        self.scheduleSweep()
    }

    func scheduleSweep() {
        guard !self.isSweepScheduled else { return }
        self.isSweepScheduled = true
        let isDraining = self.awaitingAcknowledgement.contains { connection in
            connection.outbound.unacknowledged >= self.options.outbound.lowWatermark
        }
        self.eventLoop.scheduleTask(in: isDraining ? Self.drainInterval : Self.sweepInterval) { self.sweep() }
    }

    private func sweep() {
        self.isSweepScheduled = false
        var index = 0
        while index < self.awaitingAcknowledgement.count {
            let connection = self.awaitingAcknowledgement[index]
            if connection.closeReason == nil {
                self.sample(connection)
                if connection.outbound.unacknowledged > 0 {
                    self.pumpAll(of: connection)
                    index += 1
                    continue
                }
                self.pumpAll(of: connection)
            }
            connection.isAwaitingAcknowledgement = false
            self.awaitingAcknowledgement.swapAt(index, self.awaitingAcknowledgement.count - 1)
            self.awaitingAcknowledgement.removeLast()
        }
        self.goOnReading()
        if !self.awaitingAcknowledgement.isEmpty || !self.paused.isEmpty { self.scheduleSweep() }
    }

    /// Terminals that are fed from disk can have their next frames when the connection has room again.
    private func pumpAll(of connection: TerminalConnection) {
        for ccid in connection.session.ccids {
            guard let terminal = self.terminals[ccid], terminal.connection === connection else { continue }
            if terminal.mailbox.mode != .live { self.pump(terminal) }
        }
    }

    /// Asks the kernel what `connection`'s peer has acknowledged, and counts what that delivers.
    func sample(_ connection: TerminalConnection) {
        guard connection.sampleAcknowledgement() else { return }
        let acknowledged = connection.outbound.acknowledged
        connection.window.acknowledge(upTo: acknowledged) { run in
            guard let terminal = self.terminals[run.owner] else { return }
            let bytes = Int(run.end - run.start)
            switch run.copy {
            case .none:
                self.countDelivered(run.frames, bytes: bytes, of: terminal, isStored: false)
            case .journaling(let token):
                terminal.deliveredBeforeReceipt[token] = run.frames
                self.countDelivered(run.frames, bytes: bytes, of: terminal, isStored: true)
            case .stored(let marks):
                self.countDelivered(run.frames, bytes: bytes, of: terminal, isStored: true)
                if let last = marks.last {
                    self.withSubmission { $0.removals.append(.init(ccid: terminal.ccid, through: last.id)) }
                }
            }
        }
        connection.outbound.release(before: connection.window.start ?? acknowledged)
    }

    func countDelivered(_ frames: Int, bytes: Int, of terminal: Terminal, isStored: Bool) {
        self.counters.delivered += UInt64(frames)
        self.counters.deliveredBytes += UInt64(bytes)
        if !isStored { self.counters.deliveredLive += UInt64(frames) }
        terminal.counters.framesDelivered += UInt64(frames)
        terminal.counters.bytesDelivered += UInt64(bytes)
    }

    // MARK: Timeouts

    /// Starts the timer that looks for silent connections and terminals to forget.
    func startTimer() {
        self.eventLoop.scheduleRepeatedTask(
            initialDelay: Self.timeoutInterval,
            delay: Self.timeoutInterval
        ) { _ in
            self.closeSilent()
            self.forgetTerminals()
        }
    }

    private func closeSilent() {
        let now = self.tickTime()
        let session = self.options.session
        for connection in self.connections {
            let reason = connection.session.timeoutReached(
                lastReceived: connection.lastReceived,
                now: now,
                options: session
            )
            // A connection that is held back is silent because of us.
            if let reason, !connection.isPaused { self.close(connection, reason) }
        }
    }

    /// Keeps the number of remembered offline terminals within its limit. Which ones go is left to chance.
    private func forgetTerminals() {
        let limit = max(self.options.maximumOfflineTerminals / self.options.eventLoops, 1)
        var excess = self.terminals.count - self.terminalsOnline - limit
        guard excess > 0 else { return }
        var forgotten: [CCID] = []
        self.terminals.forEach { terminal in
            if excess > 0, terminal.isForgettable, !self.handover.isBorrowed(terminal.ccid) {
                forgotten.append(terminal.ccid)
                excess -= 1
            }
        }
        for ccid in forgotten { self.terminals.remove(ccid) }
    }

    /// Terminals of this shard that have a connection.
    var terminalsOnline: Int {
        self.connections.reduce(0) { $0 + $1.session.count }
    }
}
