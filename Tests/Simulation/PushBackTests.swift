import NIOCore
import RelayCore
import TTMSProtocol
import TestKit
import Testing

@testable import RelayServer

/// Senders that wait for room in the store (`when_full: push-back`), step by step; the seeds have it, too.
@Suite("Push-back, step by step")
struct PushBackTests {
    private let limits = StoreLimits(terminalFrames: 3, policy: .pushBack)
    private let absent = CCID(rawValue: 9)

    /// Sends frames to a terminal that is away, one read each, until its queue is full.
    private func fill(_ stage: Stage, _ sender: World.Link) {
        for _ in 0..<3 {
            sender.terminal.send(to: self.absent, payload: 20)
            stage.go(2, [sender])
        }
    }

    @Test func frameWithoutRoomIsNotTaken() {
        let stage = Stage(limits: self.limits)
        let sender = stage.registered(home: 0)
        self.fill(stage, sender)
        for _ in 0..<5 { sender.terminal.send(to: self.absent, payload: 20) }
        stage.go(50, [sender])
        #expect(!sender.channel.isReading)
        #expect(stage.relay.shards[0].counters.accepted == 3)
        #expect(stage.store.memory.backlog(of: self.absent).frames == 3)
    }

    @Test func whatCameBeforeIsTakenAndWhatComesBehindWaits() {
        let stage = Stage(limits: self.limits)
        let (sender, receiver) = (stage.registered(home: 0), stage.registered(home: 0, 1))
        self.fill(stage, sender)
        let replies = stage.relay.shards[0].counters.heartbeats
        sender.terminal.send(to: stage.ccid(home: 0, 1), payload: 20)
        sender.terminal.send(to: self.absent, payload: 20)
        sender.terminal.heartbeat(of: stage.ccid(home: 0))
        sender.terminal.send(to: stage.ccid(home: 0, 1), payload: 20)
        stage.go(50, [sender, receiver])
        #expect(stage.claims.messages.map(\.isDelivered) == [false, false, false, true, false, false])
        #expect(stage.relay.shards[0].counters.heartbeats == replies)
        // The terminal comes, and all goes on by itself.
        let late = stage.connect([self.absent])
        late.terminal.heartbeat(of: self.absent)
        stage.go(100, [late, sender, receiver])
        #expect(stage.claims.messages.allSatisfy { $0.isDelivered })
        #expect(sender.channel.isReading)
        #expect(stage.claims.violation == nil)
    }

    @Test func senderGoesOnOnlyWhenAnEighthIsFree() {
        let stage = Stage(limits: StoreLimits(terminalFrames: 16, policy: .pushBack))
        let sender = stage.registered(home: 0)
        for _ in 0..<17 {
            sender.terminal.send(to: self.absent, payload: 20)
            stage.go(2, [sender])
        }
        #expect(stage.relay.shards[0].counters.accepted == 16)
        let delete = {
            let absent = self.absent
            stage.store.change { store in
                guard let first = try? store.messages(of: absent, after: nil, limit: 1).first else { return }
                _ = try? store.delete(first.id)
            }
            stage.go(30, [sender])
        }
        delete()
        #expect(stage.relay.shards[0].counters.accepted == 16)
        delete()
        #expect(stage.relay.shards[0].counters.accepted == 17)
        #expect(sender.channel.isReading)
    }

    @Test(arguments: [1, 2]) func liveTerminalsNeedNoRoom(eventLoops: Int) {
        let stage = Stage(eventLoops: eventLoops, limits: StoreLimits(totalFrames: 3, policy: .pushBack))
        let sender = stage.registered(home: 0)
        let receiver = stage.registered(home: eventLoops - 1, 1, shard: eventLoops - 1)
        self.fill(stage, sender)
        for _ in 0..<5 { sender.terminal.send(to: stage.ccid(home: eventLoops - 1, 1), payload: 20) }
        stage.go(20, [sender, receiver])
        #expect(stage.claims.messages.suffix(5).allSatisfy { $0.isDelivered })
        // For one that is not, there is none, with a queue of its own or without.
        sender.terminal.send(to: CCID(rawValue: 77), payload: 20)
        stage.go(20, [sender, receiver])
        #expect(stage.store.memory.totals.frames == 3)
        #expect(!sender.channel.isReading)
    }

    @Test func destinationThatBecomesLiveLetsItsSendersGoOn() {
        let stage = Stage(limits: StoreLimits(totalFrames: 3, policy: .pushBack))
        let sender = stage.registered(home: 0)
        self.fill(stage, sender)
        let destination = stage.ccid(home: 0, 1)
        sender.terminal.send(to: destination, payload: 20)
        stage.go(20, [sender])
        #expect(!sender.channel.isReading)
        // The store stays full, but nothing is kept for this one.
        let receiver = stage.connect([destination])
        receiver.terminal.heartbeat(of: destination)
        stage.go(50, [sender, receiver])
        #expect(stage.claims.messages[3].isDelivered)
        #expect(stage.store.memory.totals.frames == 3)
    }

    @Test func senderThatConnectsAgainPassesNoCap() {
        let stage = Stage(limits: self.limits)
        let ccid = stage.ccid(home: 0)
        self.fill(stage, stage.registered(home: 0))
        var former: World.Link?
        for _ in 0..<10 {
            let sender = stage.connect([ccid])
            sender.terminal.heartbeat(of: ccid)
            for _ in 0..<4 { sender.terminal.send(to: self.absent, payload: 20) }
            stage.go(20, [sender])
            if let former { #expect(!former.channel.isActive) }
            former = sender
        }
        former?.socket.finish(closes: true)
        if let former { stage.go(50, [former]) }
        #expect(stage.relay.shards[0].counters.accepted == 3)
        #expect(stage.store.memory.backlog(of: self.absent).frames == 3)
        #expect(stage.relay.shards[0].heldSenders.heldBackCount <= 1)
    }

    @Test func senderThatIsHeldBackIsNotTakenForSilent() {
        let stage = Stage(limits: self.limits) { $0.session.idleTimeout = .milliseconds(400) }
        let sender = stage.registered(home: 0)
        self.fill(stage, sender)
        sender.terminal.send(to: self.absent, payload: 20)
        stage.go(2_000, [sender])
        #expect(sender.channel.isActive)
        #expect(stage.relay.shards[0].heldSenders.heldBackCount == 1)
    }

    @Test func heartbeatBehindItTakesNoTerminalAfterTheEnd() {
        let stage = Stage(limits: self.limits)
        let (own, contested) = (stage.ccid(home: 0), stage.ccid(home: 0, 5))
        let sender = stage.registered(home: 0, 1)
        let former = stage.registered(home: 0)
        self.fill(stage, sender)
        former.terminal.send(to: self.absent, payload: 20)
        former.terminal.heartbeat(of: contested)
        stage.bring(former)
        // What is on its way to it keeps the connection for a while after its last byte.
        sender.terminal.send(to: own, payload: 20)
        stage.go(2, [sender])
        stage.finish(former)
        let newer = stage.connect([contested])
        newer.terminal.heartbeat(of: contested)
        stage.go(20, [newer])
        stage.store.change { [absent] store in _ = try? store.deleteAll(of: absent) }
        stage.go(50, [newer])
        #expect(former.channel.isActive)
        #expect(stage.relay.shards[0].counters.accepted == 5)
        #expect(stage.owners(of: contested) == [newer.socket.number])
    }

    /// In `marker` the first half of a frame can look like a whole one.
    @Test func halfAFrameWaitsForItsOtherHalfInTheKernel() throws {
        let stage = Stage(limits: self.limits)
        let sender = stage.connect([stage.ccid(home: 0)], dialect: .marker)
        sender.terminal.heartbeat(of: stage.ccid(home: 0))
        stage.go(20, [sender])
        let receiver = stage.registered(home: 0, 1)
        self.fill(stage, sender)
        // As one that was sent before: what is written here by hand is nothing that the claims know.
        let content = NumberedPayload.bytes(0, size: 30)
        var frame = WireFrame(address: stage.ccid(home: 0, 1), command: 0xaa, content: content, dialect: .marker)
        let half = 20
        frame.content[7] ^= frame.bytes.prefix(half).reduce(0, ^)
        #expect(frame.bytes.prefix(half).reduce(0, ^) == 0)
        sender.socket.write(WireFrame.data(to: self.absent, content, dialect: .marker))
        sender.socket.write(Array(frame.bytes.prefix(half)))
        stage.bring(sender)
        stage.relay.runLoops()
        sender.socket.write(Array(frame.bytes.dropFirst(half)))
        sender.socket.carryToRelay(.max)
        #expect(!sender.channel.isReading)
        let delivered = stage.relay.shards[0].counters.deliveredBytes
        stage.store.change { [absent] store in _ = try? store.deleteAll(of: absent) }
        stage.go(200, [sender, receiver])
        #expect(sender.channel.isActive)
        #expect(stage.relay.shards[0].counters.deliveredBytes == delivered + UInt64(frame.bytes.count))
    }

    @Test func stopDoesNotTakeWhatIsHeldBack() {
        let stage = Stage(limits: self.limits)
        let sender = stage.registered(home: 0)
        self.fill(stage, sender)
        sender.terminal.send(to: self.absent, payload: 20)
        stage.go(20, [sender])
        _ = stage.relay.shards[0].drain(until: stage.clock.now)
        stage.go(20, [sender])
        stage.relay.end { stage.store.take(.init()) }
        stage.store.take(.init())
        #expect(stage.store.durable.backlog(of: self.absent).frames == 3)
        #expect(stage.relay.shards[0].isAtRest)
    }
}
