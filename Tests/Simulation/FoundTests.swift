import NIOCore
import RelayCore
import TTMSProtocol
import Testing

@testable import RelayServer

/// What seeds have found, as the shortest history that shows it.
@Suite("What the simulation found")
struct FoundTests {
    @Test func newerConnectionAtHomeOutlivesAnOlderClaim() {
        let stage = Stage(eventLoops: 2)
        let ccid = stage.ccid(home: 0)
        let older = stage.connect([ccid], shard: 1)
        let newer = stage.connect([ccid], shard: 0)
        // The older heartbeat's claim is on its way when the newer one registers.
        older.terminal.heartbeat(of: ccid)
        stage.bring(older)
        newer.terminal.heartbeat(of: ccid)
        stage.bring(newer)
        stage.go(20)
        #expect(stage.owners(of: ccid) == [newer.socket.number])
    }

    @Test func whatIsInFlightGoesBackThoughTheReadFails() {
        let stage = Stage()
        let ccid = CCID(rawValue: 7)
        let sender = stage.connect([CCID(rawValue: 8)])
        sender.terminal.heartbeat(of: CCID(rawValue: 8))
        sender.terminal.send(to: ccid, payload: 20)
        stage.bring(sender)
        stage.go(5)
        // A read is under way when the connection ends, and fails.
        let receiver = stage.connect([ccid])
        receiver.terminal.heartbeat(of: ccid)
        stage.bring(receiver)
        stage.relay.runLoops()
        #expect(stage.relay.shards[0].terminals[ccid]?.mailbox.outstandingRead != nil)
        receiver.channel.breakDown(ChannelError.ioOnClosedChannel)
        stage.relay.runLoops()
        stage.store.take(.init(failsToRead: true))
        stage.go(5)
        #expect(stage.relay.shards[0].terminals[ccid]?.mailbox.isSettled == true)
    }

    @Test func whatCameBehindAHeartbeatOutlivesItsConnection() {
        let stage = Stage()
        let (first, second, absent) = (CCID(rawValue: 1), CCID(rawValue: 2), CCID(rawValue: 9))
        let older = stage.connect([first, second])
        older.terminal.heartbeat(of: first)
        stage.bring(older)
        stage.go(5, [older])
        // The second heartbeat waits for its receipt, and what follows it waits, too.
        older.terminal.send(to: absent, payload: 20)
        older.terminal.heartbeat(of: second)
        older.terminal.send(to: absent, payload: 20)
        stage.bring(older)
        stage.relay.runLoops()
        let newer = stage.connect([first, second])
        newer.terminal.heartbeat(of: first)
        newer.terminal.heartbeat(of: second)
        stage.bring(newer)
        stage.relay.runLoops()
        stage.go(20)
        #expect(!older.channel.isActive)
        #expect(stage.store.memory.backlog(of: absent).frames == 2)
    }

    @Test func terminalThatConfirmsByHeartbeatsIsReadFromAgain() {
        let stage = Stage {
            $0.listeners[0].confirm = .heartbeat
            $0.outbound.highWatermark = 800
            $0.outbound.lowWatermark = 200
        }
        let (ccid, source) = (CCID(rawValue: 7), CCID(rawValue: 8))
        let receiver = stage.connect([ccid])
        receiver.terminal.heartbeat(of: ccid)
        stage.bring(receiver)
        stage.go(5)
        let sender = stage.connect([source])
        sender.terminal.heartbeat(of: source)
        for _ in 0..<4 { sender.terminal.send(to: ccid, payload: 300) }
        stage.bring(sender)
        stage.go(5)
        // The heartbeat meets more in flight than may be, and confirms none of it.
        receiver.terminal.heartbeat(of: ccid)
        stage.bring(receiver)
        stage.go(500, [receiver])
        for _ in 0..<4 {
            receiver.terminal.heartbeat(of: ccid)
            stage.go(300, [receiver])
        }
        #expect(receiver.channel.isReading)
        #expect(stage.store.memory.totals.frames == 0)
    }

    @Test func soundFrameThatFillsItsReadOutlivesItsConnection() {
        let stage = Stage()
        let (ccid, absent) = (CCID(rawValue: 1), CCID(rawValue: 9))
        let older = stage.connect([ccid], dialect: .marker)
        older.terminal.heartbeat(of: ccid)
        stage.bring(older)
        stage.go(5, [older])
        // Two frames of 34 bytes, of which one fills the read: whether it ends there would show with the next.
        older.terminal.send(to: absent, payload: 21)
        older.terminal.send(to: absent, payload: 21)
        older.socket.carryToRelay(.max)
        older.channel.read(limit: 34)
        #expect(stage.relay.connection(of: older.socket)?.unfinished.readableBytes == 34)
        // Its connection ends with the first frame undecided, and the second one not read.
        let newer = stage.connect([ccid])
        newer.terminal.heartbeat(of: ccid)
        stage.bring(newer)
        stage.go(20)
        #expect(!older.channel.isActive)
        #expect(stage.store.memory.backlog(of: absent).frames == 2)
    }

    @Test func olderClaimLeavesATerminalWhereItIs() {
        let stage = Stage(eventLoops: 2)
        let ccid = stage.ccid(home: 0)
        let sender = stage.registered(home: 0, 1)
        let older = stage.connect([ccid], shard: 1)
        older.terminal.heartbeat(of: ccid)
        stage.bring(older)
        let newer = stage.connect([ccid])
        newer.terminal.heartbeat(of: ccid)
        stage.bring(newer)
        sender.terminal.send(to: ccid, payload: 20)
        stage.bring(sender)
        stage.go(50, [newer, older, sender])
        #expect(stage.owners(of: ccid) == [newer.socket.number])
        #expect(!older.channel.isActive)
        // Once: nothing was taken back.
        #expect(stage.claims.messages[0].carriers == [newer.socket.number])
        #expect(stage.relay.shards.map(\.counters.requeued) == [0, 0])
    }

    @Test func whatHomeKeptComesBeforeWhatIsNewer() {
        let stage = Stage(eventLoops: 3)
        let ccid = stage.ccid(home: 0)
        let sender = stage.registered(home: 1, shard: 1)
        // Its heartbeat is the older one, but has to wait for its answer.
        let older = stage.registered(home: 2, shard: 2)
        older.terminal.send(to: stage.ccid(home: 2, 1), payload: 20)
        older.terminal.heartbeat(of: ccid)
        stage.bring(older)
        let newer = stage.connect([ccid], shard: 1)
        newer.terminal.heartbeat(of: ccid)
        stage.bring(newer)
        // Home lends the terminal to shard 1, and then hears of the older heartbeat.
        stage.relay.loops[0].runAll()
        stage.store.take(.init())
        stage.relay.loops[0].runAll()
        stage.relay.loops[2].runAll()
        stage.store.take(.init())
        stage.run(2)
        // Shard 1 does not know yet that it has the terminal: the first frame goes by home, and waits there; the second does not.
        sender.terminal.send(to: ccid, payload: 20)
        stage.bring(sender)
        stage.relay.loops[1].runOne()
        stage.relay.loops[0].runAll()
        sender.terminal.send(to: ccid, payload: 20)
        stage.bring(sender)
        stage.relay.loops[1].runAll()
        stage.go(50, [newer, older, sender])
        #expect(stage.claims.violation == nil)
        #expect(stage.owners(of: ccid) == [newer.socket.number])
        #expect(stage.claims.messages[1...].map(\.isDelivered) == [true, true])
    }

    @Test func heartbeatThatWaitedDoesNotOustANewerOne() {
        let stage = Stage(eventLoops: 2)
        let ccid = stage.ccid(home: 0)
        let older = stage.registered(home: 1, shard: 1)
        older.terminal.send(to: stage.ccid(home: 1, 1), payload: 20)
        older.terminal.heartbeat(of: ccid)
        stage.bring(older)
        let newer = stage.connect([ccid], shard: 1)
        newer.terminal.heartbeat(of: ccid)
        stage.bring(newer)
        // The older one is answered while the newer one waits for the terminal.
        stage.relay.loops[1].runAll()
        stage.store.take(.init())
        stage.run(1)
        stage.go(50, [newer, older])
        #expect(newer.channel.isActive)
        #expect(stage.owners(of: ccid) == [newer.socket.number])
    }

    @Test func receiptWaitsForWhatHasNotLeftYet() {
        let stage = Stage(eventLoops: 3)
        let receiver = stage.registered(home: 1, shard: 2)
        let other = stage.registered(home: 1, 1, shard: 1)
        let sender = stage.registered(home: 0)
        other.terminal.send(to: stage.ccid(home: 1, 2), payload: 20)
        stage.bring(other)
        stage.relay.loops[1].runAll()
        // Home gets the frame, then the question after it, then the store's answer to something else, and has not ended its tick.
        sender.terminal.send(to: stage.ccid(home: 1), payload: 20)
        sender.terminal.heartbeat(of: stage.ccid(home: 0))
        stage.bring(sender)
        stage.store.take(.init())
        for _ in 0..<3 { stage.relay.loops[1].runOne() }
        // The receiver's shard is asked before it has the frame.
        for index in [2, 0, 2, 1, 0] { stage.run(index) }
        stage.go(50, [sender, receiver, other])
        #expect(stage.claims.violation == nil)
        #expect(stage.claims.messages.map(\.isReceipted) == [false, true])
    }

    @Test func whatIsTakenBackLeavesNoMore() {
        let stage = Stage()
        let (ccid, other) = (CCID(rawValue: 1), CCID(rawValue: 2))
        let older = stage.connect([ccid, other], sendCapacity: 40)
        older.terminal.heartbeat(of: ccid)
        older.terminal.heartbeat(of: other)
        stage.bring(older)
        stage.go(5, [older])
        let sender = stage.registered(home: 0, 7)
        // The socket takes a part of the first frame; the second waits behind it.
        for _ in 0..<2 {
            sender.terminal.send(to: ccid, payload: 40)
            stage.bring(sender)
            stage.go(1)
        }
        let newer = stage.connect([ccid])
        newer.terminal.heartbeat(of: ccid)
        stage.bring(newer)
        stage.go(20, [newer, sender])
        stage.go(50, [older, newer, sender])
        #expect(older.channel.isActive)
        #expect(stage.claims.messages.map { Set($0.carriers) } == [[1, 3], [3]])
        #expect(stage.claims.violation == nil)
    }

    @Test func whatAMovingConnectionHasBroughtOutlivesTheStop() {
        let stage = Stage(eventLoops: 2, movesConnections: true)
        let (source, absent) = (stage.ccid(home: 1), CCID(rawValue: 9))
        let sender = stage.connect([source], shard: 0)
        sender.terminal.heartbeat(of: source)
        sender.terminal.send(to: absent, payload: 20)
        // It leaves a shard that does not know yet that the relay stops, for one that does.
        _ = stage.relay.shards[1].drain(until: stage.clock.now)
        stage.bring(sender)
        _ = stage.relay.shards[0].drain(until: stage.clock.now)
        stage.relay.runLoops()
        stage.relay.end { stage.store.take(.init()) }
        stage.store.take(.init())
        #expect(stage.store.durable.backlog(of: absent).frames == 1)
        #expect(stage.claims.violation == nil)
    }

    @Test func whatArrivesWhileItIsCommittedDoesNotComeAgainAfterTheStop() {
        let stage = Stage()
        let receiver = stage.registered(home: 0, 3)
        let sender = stage.registered(home: 0, 1)
        sender.terminal.send(to: stage.ccid(home: 0, 3), payload: 20)
        stage.go(30, [sender], turn: nil)
        #expect(stage.relay.shards[0].counters.journaled == 1)
        stage.take(receiver)
        _ = stage.relay.shards[0].drain(until: stage.clock.now)
        stage.relay.runLoops()
        stage.relay.end { stage.store.take(.init()) }
        stage.store.take(.init())
        #expect(stage.claims.messages.map(\.isDelivered) == [true])
        #expect(stage.store.durable.totals.frames == 0)
    }
}
