import NIOCore
import RelayCore
import TTMSProtocol
import Testing

@testable import RelayServer

/// What has arrived on a connection before its end, and was not read yet, is handled before the end.
@Suite("The rest of a connection that ends")
struct RestTests {
    private static let source = CCID(rawValue: 1)
    private static let absent = CCID(rawValue: 9)

    /// How a connection can end.
    enum Cause: CaseIterable {
        case takeover, kick, block, stop, finish, reset
    }

    private func end(_ link: World.Link, by cause: Cause, on stage: Stage) {
        switch cause {
        case .takeover:
            let newer = stage.connect([Self.source])
            newer.terminal.heartbeat(of: Self.source)
            stage.bring(newer)
        case .kick: _ = stage.relay.shards[0].kick(Self.source)
        case .block:
            let shard = stage.relay.shards[0]
            _ = shard.closeBlocked(below: shard.enforce(BlockList([Block(.ccid(Self.source))])))
        case .stop:
            _ = stage.relay.shards[0].drain(until: stage.clock.now)
            stage.relay.runLoops()
            stage.relay.end { stage.store.take(.init()) }
        case .finish: stage.finish(link)
        case .reset:
            link.socket.reset()
            link.channel.breakDown(ChannelError.ioOnClosedChannel)
        }
        stage.go(30)
    }

    private func sender(_ stage: Stage) -> World.Link {
        let link = stage.connect([Self.source])
        link.terminal.heartbeat(of: Self.source)
        stage.bring(link)
        stage.go(5, [link])
        return link
    }

    @Test(arguments: Cause.allCases)
    func framesUnreadAtTheEndAreHandledInOrder(cause: Cause) {
        let stage = Stage()
        let link = self.sender(stage)
        for _ in 0..<5 { link.terminal.send(to: Self.absent, payload: 20) }
        link.socket.carryToRelay(.max)
        self.end(link, by: cause, on: stage)
        #expect(!link.channel.isActive)
        #expect(stage.store.memory.backlog(of: Self.absent).frames == 5)
        #expect(stage.claims.violation == nil)
    }

    @Test(arguments: Cause.allCases)
    func framesBehindAHeartbeatThatWaitsAreHandledAtTheEnd(cause: Cause) {
        let stage = Stage()
        let link = self.sender(stage)
        link.terminal.send(to: Self.absent, payload: 20)
        link.terminal.heartbeat(of: Self.source)
        link.terminal.send(to: Self.absent, payload: 20)
        stage.bring(link)
        // The receipt waits for the disk; what follows is not read.
        for _ in 0..<5 { link.terminal.send(to: Self.absent, payload: 20) }
        stage.go(5, [link], turn: nil)
        #expect(!link.channel.isReading)
        #expect(link.socket.arrived > 0)
        self.end(link, by: cause, on: stage)
        #expect(stage.store.memory.backlog(of: Self.absent).frames == 7)
        #expect(stage.claims.violation == nil)
    }

    @Test func heartbeatInTheRestDoesNotTakeTheTerminalBack() {
        let stage = Stage()
        let older = self.sender(stage)
        older.terminal.send(to: Self.absent, payload: 20)
        older.terminal.heartbeat(of: Self.source)
        older.terminal.send(to: Self.absent, payload: 20)
        older.socket.carryToRelay(.max)
        let newer = stage.connect([Self.source])
        newer.terminal.heartbeat(of: Self.source)
        stage.bring(newer)
        stage.go(20, [newer])
        #expect(stage.owners(of: Self.source) == [newer.socket.number])
        #expect(stage.store.memory.backlog(of: Self.absent).frames == 2)
        #expect(stage.claims.violation == nil)
    }

    @Test func framesBehindABrokenOneAreNotHandled() {
        let stage = Stage()
        let link = self.sender(stage)
        link.terminal.send(to: Self.absent, payload: 20)
        link.terminal.makeNoise(0)
        link.terminal.send(to: Self.absent, payload: 20)
        link.socket.carryToRelay(.max)
        self.end(link, by: .kick, on: stage)
        #expect(stage.store.memory.backlog(of: Self.absent).frames == 1)
        #expect(stage.relay.shards[0].counters.unreadBytes > 0)
    }

    @Test func finishedSenderWaitsInTheKernelForAStoreThatIsBehind() {
        let stage = Stage { $0.outbound.storeHighWatermark = 300 }
        let link = self.sender(stage)
        for _ in 0..<8 { link.terminal.send(to: Self.absent, payload: 100) }
        stage.bring(link)
        #expect(!link.channel.isReading)
        for _ in 0..<50 { link.terminal.send(to: Self.absent, payload: 100) }
        stage.finish(link)
        let connection = stage.relay.connection(of: link.socket)
        #expect(connection?.unfinished.readableBytes == 0)
        #expect(link.socket.arrived > 5_000)
        stage.go(50)
        #expect(!link.channel.isActive)
        #expect(stage.store.memory.backlog(of: Self.absent).frames == 58)
        #expect(stage.claims.violation == nil)
    }

    @Test func resetAfterTheFinishLeavesWhatHasArrived() {
        let stage = Stage { $0.outbound.storeHighWatermark = 3_000 }
        let link = self.sender(stage)
        for _ in 0..<16 { link.terminal.send(to: Self.absent, payload: 100) }
        stage.bring(link)
        for _ in 0..<50 { link.terminal.send(to: Self.absent, payload: 100) }
        stage.finish(link)
        link.channel.breakDown(ChannelError.ioOnClosedChannel)
        stage.go(50)
        #expect(stage.store.memory.backlog(of: Self.absent).frames == 66)
        #expect(stage.claims.violation == nil)
    }

    @Test func whatThereIsNoRoomForIsCounted() {
        var limits = StoreLimits()
        limits.terminalFrames = 3
        limits.policy = .pushBack
        let stage = Stage(limits: limits)
        let link = self.sender(stage)
        for _ in 0..<3 { link.terminal.send(to: Self.absent, payload: 20) }
        stage.go(5, [link])
        for _ in 0..<4 { link.terminal.send(to: Self.absent, payload: 20) }
        stage.go(5, [link])
        link.socket.finish(closes: true)
        stage.finish(link)
        stage.go(20)
        #expect(!link.channel.isActive)
        #expect(stage.store.memory.backlog(of: Self.absent).frames == 3)
        // Four frames of 33 bytes.
        #expect(stage.relay.shards[0].counters.unreadBytes == 4 * 33)
        #expect(stage.relay.shards[0].closedConnections.all.map(\.unreadBytes) == [4 * 33])
    }

    /// Connections with even numbers get no channel on their home when they have been reset by then.
    @Test(arguments: [1, 2])
    func resetOnTheWayToItsHomeLosesNothing(number: Int) {
        let stage = Stage(eventLoops: 2, movesConnections: true)
        if number == 2 { _ = stage.connect([CCID(rawValue: 77)]) }
        let (source, absent) = (stage.ccid(home: 1), CCID(rawValue: 9))
        let link = stage.connect([source], shard: 0)
        link.terminal.heartbeat(of: source)
        link.terminal.send(to: absent, payload: 20)
        link.terminal.send(to: absent, payload: 20)
        stage.bring(link)
        // It is on its way when the reset comes.
        link.socket.reset()
        link.socket.carryToRelay(.max)
        stage.relay.runLoops()
        if link.channel.isActive { link.channel.breakDown(ChannelError.ioOnClosedChannel) }
        stage.go(30)
        #expect(stage.store.memory.backlog(of: absent).frames == 2)
        #expect(stage.relay.shards.map(\.connections.count).reduce(0, +) == number - 1)
        #expect(stage.claims.violation == nil)
    }

    @Test func successiveConnectionsOfATerminalKeepTheirOrderOnTheWay() {
        let stage = Stage(eventLoops: 2, movesConnections: true)
        let source = stage.ccid(home: 1)
        var links: [World.Link] = []
        for _ in 0..<4 {
            let link = stage.connect([source], shard: 0)
            links.append(link)
            link.terminal.heartbeat(of: source)
            link.terminal.send(to: Self.absent, payload: 20)
            link.terminal.send(to: Self.absent, payload: 20)
            // The end of the second frame is not read yet when it leaves.
            link.socket.carryToRelay(.max)
            link.channel.read(limit: 60)
        }
        stage.relay.runLoops()
        for link in links where link.channel.isActive { stage.bring(link) }
        stage.go(30)
        #expect(stage.store.durableOrder(of: Self.absent) == Array(0..<8))
    }
}
