import NIOCore
import RelayCore
import TTMSProtocol

@testable import RelayServer

// The end of a run: faults are over, and what is due comes.
extension World {
    /// More turns than anything that moves at all can need.
    private static let limit = 3_000
    /// Shorter than the idle timeouts of any schedule.
    private static let heartbeatInterval = TimeAmount.milliseconds(150)

    func settle() {
        self.note("faults end")
        self.diskFailure = nil
        for link in self.links {
            link.terminal.isStalled = false
            // Some connections stay, and fight for their terminals once more.
            if link.socket.terminalEnd == .vanished { link.socket.giveUp() }
            if self.chance(2) { link.socket.finish(closes: true) }
        }
        for device in self.schedule.terminals { self.connect(device, registersAll: true) }
        var turns = 0
        while self.claims.violation == nil, turns < Self.limit, !self.isSettled(after: turns) {
            self.claims.step += 1
            self.turn(turns)
            turns += 1
        }
        guard self.claims.violation == nil else { return }
        for shard in self.relay.shards { self.note("at the end shard \(shard.index) has \(shard.leftovers)") }
        self.claims.finish()
        self.checkLedger(isAtRest: true)
        self.relay.runLoops()
        self.storeTurn()
        self.checkRest()
    }

    /// Nothing moves, and nothing is due: or so much time has passed without a movement that nothing will come any more.
    private func isSettled(after turns: Int) -> Bool {
        guard turns > 20, !self.isAnythingDue, self.relay.isResting else { return false }
        return self.links.allSatisfy { $0.socket.isQuiet } && self.relay.shards.allSatisfy(\.isAtRest)
    }

    /// Also what may come twice: an older connection, read from late, can have taken a terminal from its newest one before it broke.
    private var isAnythingDue: Bool {
        let store = self.relay.store.memory
        return self.claims.due > 0 || store.totals.frames > store.backlog(of: self.schedule.absent).frames
    }

    private func turn(_ turn: Int) {
        for link in self.links {
            for _ in 0..<8 where !link.socket.isQuiet || link.channel.isWaitingForRoom { self.move(link) }
        }
        self.removeOver()
        self.relay.runLoops()
        self.relay.store.take(.init(sweeps: true))
        self.relay.runLoops()
        // Every device has a connection, and says so: that is what `confirm: heartbeat` needs, and what brings a lost one back.
        let isAwaited = self.isAnythingDue || self.schedule.options.listeners[0].confirm == .heartbeat
        if isAwaited, self.clock.now >= self.lastSpoken + Self.heartbeatInterval { self.speakUp() }
        if let due = self.relay.nextDue, due > self.clock.now {
            self.clock.advance(to: min(due, self.clock.now + .milliseconds(20)))
        }
        if turn % 128 == 127 { self.makeRoom() }
        self.endStep()
        if turn.isMultiple(of: 16) { self.checkBounds() }
    }

    /// Senders that are held back until there is room wait for ever for a terminal that is absent, and so do two that wait for each
    /// other with heartbeats that would confirm. An operator empties the one's queue, and the others get no answer and connect anew.
    private func makeRoom() {
        guard self.relay.shards.contains(where: { $0.heldSenders.heldBackCount > 0 }) else { return }
        self.note("an operator deletes all messages of the absent terminal")
        let absent = self.schedule.absent
        self.relay.store.change { _ = try? $0.deleteAll(of: absent) }
        for link in self.links where self.relay.connection(of: link.socket)?.isPaused(for: .full) ?? false {
            self.connect(link.terminal.device, registersAll: true)
        }
    }

    private func speakUp() {
        self.lastSpoken = self.clock.now
        for device in self.schedule.terminals {
            let latest = self.links.last {
                $0.terminal.device.ccids == device.ccids && $0.socket.canWrite && $0.channel.isActive
            }
            if let latest {
                for ccid in device.ccids { latest.terminal.heartbeat(of: ccid) }
            } else {
                self.connect(device, registersAll: true)
            }
        }
    }

    private func checkRest() {
        for shard in self.relay.shards where !shard.isAtRest {
            self.claims.violated("Shard \(shard.index) has something left at rest: \(shard.leftovers).")
        }
    }
}

extension Shard {
    /// What should be empty when nothing is under way.
    var leftovers: [String] {
        var recalling = 0
        for case .recalling in self.handover.loans.values { recalling += 1 }
        let counts: [(String, Int)] = [
            ("held", self.heldFrames.count), ("journals", self.journals.count), ("waiting receipts", self.receipts.waits.count),
            ("starved", self.starved.count), ("paused", self.heldSenders.pausedCount),
            ("held back", self.heldSenders.heldBackCount),
            ("awaiting removal", self.journals.deliveredFrames),
            ("dirty", self.dirty.count), ("ending", self.ending.waitingCount), ("leaving", self.leaving.count),
            ("long reads", self.longReads.waiting.count), ("finishing", self.ending.finishingCount),
            ("recalling", recalling),
            ("recalled", self.handover.recalled.count),
            ("claims", self.handover.claims.count), ("syncing", self.handover.syncing.count),
            ("removals", self.store.delayedRemovalCount),
            ("with memory and nothing in flight", self.connections.count { $0.window.isEmpty && $0.outbound.hasMemory }),
            ("in windows", self.connections.reduce(0) { $0 + $1.window.frames }),
            ("unfinished", self.connections.reduce(0) { $0 + $1.unfinished.readableBytes }),
        ]
        return counts.filter { $0.1 != 0 }.map { "\($0.1) \($0.0)" }
    }

    var isAtRest: Bool { self.leftovers.isEmpty }
}
