import NIOCore
import RelayCore
import TTMSProtocol
import Testing

@testable import RelayServer

/// What one connection with many terminals costs one turn of the event loop.
@Suite("Turns of the event loop")
struct SliceTests {
    private static let ccids = (1...40).map { CCID(rawValue: UInt32($0)) }
    private let sender = CCID(rawValue: 100)

    private func registered(_ ccids: [CCID], on stage: Stage) -> World.Link {
        let link = stage.connect(ccids)
        for ccid in ccids { link.terminal.heartbeat(of: ccid) }
        stage.bring(link)
        stage.go(ccids.count + 10, [link])
        return link
    }

    private func attached(_ stage: Stage) -> [CCID] {
        Self.ccids.filter { stage.relay.shards[0].terminals[$0]?.connection != nil }
    }

    @Test func terminalsOfAConnectionThatEndsLeaveInSlices() {
        let stage = Stage()
        let shard = stage.relay.shards[0]
        let sender = self.registered([self.sender], on: stage)
        let gateway = self.registered(Self.ccids, on: stage)
        #expect(self.attached(stage).count == 40)
        shard.leaving.atOnce = 15
        // One frame for each is in flight, and not acknowledged.
        for ccid in Self.ccids { sender.terminal.send(to: ccid, payload: 20) }
        stage.bring(sender)
        stage.relay.runLoops()
        gateway.socket.reset()
        gateway.channel.breakDown(ChannelError.ioOnClosedChannel)
        // Another frame for each comes before the terminals have left.
        for ccid in Self.ccids { sender.terminal.send(to: ccid, payload: 20) }
        stage.bring(sender)
        stage.relay.runLoops()
        #expect(self.attached(stage).count == 40)
        // All are on their way to the store in the tick that brought them.
        stage.store.take(.init())
        #expect(stage.store.memory.totals.frames == 80)
        // A takeover meanwhile is none: that connection has ended.
        let last = Self.ccids[39]
        let newer = stage.connect([last])
        newer.terminal.heartbeat(of: last)
        stage.bring(newer)
        #expect(shard.counters.takeovers == 0 && shard.terminals[last]?.isOnline == true)
        #expect(self.attached(stage).filter { shard.terminals[$0]?.isOnline == true } == [last])
        var left: [Int] = []
        for _ in 0..<3 {
            stage.go(1, [newer, sender])
            left.append(self.attached(stage).count)
        }
        #expect(left == [25, 10, 1])
        stage.go(50, [newer, sender])
        #expect(stage.store.memory.backlog(of: last).frames == 0)
        #expect(stage.store.memory.totals.frames == 78)
        #expect(shard.leaving.isEmpty && shard.terminalsOnline == 2)
        #expect(stage.claims.violation == nil)
    }

    @Test func terminalsThatAreLeavingAreStoredAtAStop() {
        let stage = Stage()
        let sender = self.registered([self.sender], on: stage)
        let gateway = self.registered(Self.ccids, on: stage)
        for ccid in Self.ccids { sender.terminal.send(to: ccid, payload: 20) }
        stage.bring(sender)
        stage.relay.runLoops()
        gateway.channel.breakDown(ChannelError.ioOnClosedChannel)
        stage.relay.end { stage.store.take(.init()) }
        #expect(self.attached(stage).isEmpty)
        stage.store.take(.init())
        #expect(stage.store.memory.totals.frames == 40)
    }

    @Test func heartbeatsOfOneReadAreHandledInSlices() {
        let stage = Stage()
        let shard = stage.relay.shards[0]
        shard.longReads.limit = 10 * LongReads.registration
        let gateway = stage.connect(Self.ccids)
        for ccid in Self.ccids { gateway.terminal.heartbeat(of: ccid) }
        stage.bring(gateway)
        // Another terminal's heartbeat is answered before the rest of them.
        let other = stage.connect([self.sender])
        other.terminal.heartbeat(of: self.sender)
        stage.bring(other)
        stage.relay.runLoops()
        #expect(shard.terminalsOnline == 11)
        var online: [Int] = []
        for _ in 0..<3 {
            stage.go(1)
            online.append(shard.terminalsOnline)
        }
        #expect(online == [21, 31, 41])
        #expect(gateway.channel.isReading)
        // All are answered, in their order.
        stage.go(5, [gateway, other])
        #expect(stage.claims.violation == nil)
    }

    @Test func parallelConnectionsOfOneTerminalAreDamped() {
        let stage = Stage()
        let shard = stage.relay.shards[0]
        let (ccid, absent) = (CCID(rawValue: 1), CCID(rawValue: 9))
        let links = (0..<300).map { _ in stage.connect([ccid]) }
        for link in links {
            link.terminal.heartbeat(of: ccid)
            link.terminal.send(to: absent, payload: 20)
            stage.bring(link)
            stage.relay.runLoops()
        }
        stage.go(10)
        // Those that may take it over at once, and none of those that a newer one follows.
        #expect(shard.counters.takeovers <= UInt64(TakeoverPace.burst) + 1)
        #expect(shard.takeoverLimiter.waitingCount(for: ccid) == 64)
        stage.go(200)
        // The newest has the terminal, and all that came is kept, in its order.
        #expect(stage.owners(of: ccid) == [links[299].socket.number])
        #expect(stage.store.memory.backlog(of: absent).frames == 300)
        #expect(stage.store.durableOrder(of: absent) == Array(0..<300))
        #expect(stage.claims.violation == nil)
    }

    @Test func heartbeatsThatWaitAreAnsweredBeforeTheEnd() {
        let stage = Stage()
        let shard = stage.relay.shards[0]
        shard.longReads.limit = 10 * LongReads.registration
        let gateway = stage.connect(Self.ccids)
        for ccid in Self.ccids { gateway.terminal.heartbeat(of: ccid) }
        gateway.terminal.send(to: self.sender, payload: 20)
        gateway.socket.finish(closes: false)
        gateway.socket.carryToRelay(.max)
        gateway.socket.isEndTold = true
        gateway.channel.readToEnd()
        stage.go(20, [gateway])
        #expect(shard.counters.registrations == 40)
        #expect(gateway.socket.delivered == 40 * Frame.heartbeatSize)
        #expect(stage.store.memory.backlog(of: self.sender).frames == 1)
        #expect(!gateway.channel.isActive)
        #expect(stage.claims.violation == nil)
    }
}
