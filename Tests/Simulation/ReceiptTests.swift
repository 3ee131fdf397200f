import NIOCore
import RelayCore
import TTMSProtocol
import Testing

@testable import RelayServer

/// What a heartbeat's answer waits for (G5), and what it does not wait for (G8).
struct ReceiptTests {
    private static let failing = SimulatedStore.Turn(failure: StoreError(.diskFull, "The disk is full."))

    @Test("Who sends to many is not answered while one of them is only on its way to the disk")
    func many() {
        let stage = Stage()
        let receivers = (0..<9).map { stage.registered(home: 0, $0) }
        let sender = stage.registered(home: 0, 20)
        for number in receivers.indices { sender.terminal.send(to: stage.ccid(home: 0, number), payload: 20) }
        sender.terminal.heartbeat(of: stage.ccid(home: 0, 20))
        // The last one acknowledges nothing, so its frame is journaled; the store has not committed it.
        let links = Array(receivers.dropLast()) + [sender]
        stage.go(100, links, turn: nil)
        #expect(stage.relay.shards[0].counters.journaled == 1)
        #expect(stage.claims.messages.allSatisfy { !$0.isReceipted })
        stage.go(20, links)
        #expect(stage.claims.messages.allSatisfy { $0.isReceipted })
        #expect(stage.claims.violation == nil)
    }

    @Test("Whose frames need no disk is answered while the disk fails", arguments: [1, 2])
    func failingDisk(eventLoops: Int) {
        let stage = Stage(eventLoops: eventLoops)
        let away = eventLoops - 1
        let sender = stage.registered(home: 0, 1)
        let unlucky = stage.registered(home: 0, 2)
        let receiver = stage.registered(home: away, 3, shard: away)
        unlucky.terminal.send(to: stage.ccid(home: away, 9), payload: 20)
        unlucky.terminal.heartbeat(of: stage.ccid(home: 0, 2))
        let links = [sender, unlucky, receiver]
        stage.go(20, links, turn: Self.failing)
        for _ in 0..<3 {
            sender.terminal.send(to: stage.ccid(home: away, 3), payload: 20)
            sender.terminal.heartbeat(of: stage.ccid(home: 0, 1))
            stage.go(50, links, turn: Self.failing)
        }
        #expect(stage.claims.messages.map(\.isReceipted) == [false, true, true, true])
        stage.go(20, links)
        #expect(stage.claims.messages.map(\.isReceipted) == [true, true, true, true])
        #expect(stage.claims.violation == nil)
    }

    @Test("What went back to a queue is not receipted before it is on disk, whoever has the terminal then", arguments: [1, 2])
    func takenBack(eventLoops: Int) {
        let stage = Stage(eventLoops: eventLoops)
        let away = eventLoops - 1
        let sender = stage.registered(home: 0, 1)
        // With two event loops its home lends it to the other.
        let receiver = stage.registered(home: 0, 3, shard: away)
        sender.terminal.send(to: stage.ccid(home: 0, 3), payload: 20)
        stage.go(2, [sender], turn: nil)
        receiver.channel.breakDown(ChannelError.ioOnClosedChannel)
        stage.go(5, [sender], turn: Self.failing)
        sender.terminal.heartbeat(of: stage.ccid(home: 0, 1))
        stage.go(50, [sender], turn: Self.failing)
        #expect(stage.claims.messages.map(\.isReceipted) == [false])
        stage.go(20, [sender])
        #expect(stage.claims.messages.map(\.isReceipted) == [true])
        #expect(stage.claims.violation == nil)
    }

    @Test("Only senders of what the store is behind with are held back, on whichever event loop", arguments: [1, 2])
    func heldBack(eventLoops: Int) {
        let stage = Stage(eventLoops: eventLoops) { $0.outbound.storeHighWatermark = 1_000 }
        let away = eventLoops - 1
        let sender = stage.registered(home: 0, 1)
        let greedy = stage.registered(home: 0, 2)
        let receiver = stage.registered(home: away, 3, shard: away)
        let links = [sender, greedy, receiver]
        for _ in 0..<20 {
            greedy.terminal.send(to: stage.ccid(home: away, 9), payload: 200)
            sender.terminal.send(to: stage.ccid(home: away, 3), payload: 200)
            stage.go(2, links, turn: Self.failing)
        }
        #expect(!greedy.channel.isReading)
        #expect(sender.channel.isReading)
        #expect(stage.relay.shards.reduce(0) { $0 + $1.counters.pauses } == 1)
        stage.go(50, links)
        #expect(greedy.channel.isReading)
        #expect(stage.store.memory.backlog(of: stage.ccid(home: away, 9)).frames == 20)
        #expect(stage.claims.violation == nil)
    }

    @Test("Frames that have waited for a terminal between two event loops are not receipted before they are on disk")
    func waited() {
        let stage = Stage(eventLoops: 2) { $0.maximumOfflineTerminals = 1 }
        let ccid = stage.ccid(home: 0, 3)
        let sender = stage.registered(home: 0, 1)
        // Lent to the other event loop, with others of which one is forgotten when it goes.
        let lent = stage.registered(home: 0, 3, shard: 1)
        let others = (5..<8).map { stage.registered(home: 1, $0, shard: 1) }
        let busy = stage.registered(home: 1, 9, shard: 1)
        // What the store has not carried out yet keeps the terminal from leaving.
        busy.terminal.send(to: stage.ccid(home: 1, 20), payload: 20)
        stage.go(5, [busy], turn: nil)
        for link in others + [lent] { stage.finish(link) }
        stage.go(1_000, [busy, sender], turn: nil)
        sender.terminal.send(to: ccid, payload: 20)
        stage.go(5, [sender], turn: nil)
        stage.go(5, [sender], turn: Self.failing)
        sender.terminal.heartbeat(of: stage.ccid(home: 0, 1))
        stage.go(50, [sender], turn: Self.failing)
        #expect(stage.claims.messages.map(\.isReceipted) == [false, false])
        stage.go(50, [sender])
        #expect(stage.claims.messages.map(\.isReceipted) == [false, true])
        #expect(stage.claims.violation == nil)
    }

    @Test("A terminal that left with frames that are not durable holds up nobody who sends to others")
    func left() {
        let stage = Stage(eventLoops: 2)
        let sender = stage.registered(home: 0, 1)
        let other = stage.registered(home: 0, 4)
        let receiver = stage.registered(home: 1, 2, shard: 1)
        let lent = stage.registered(home: 0, 3, shard: 1)
        sender.terminal.send(to: stage.ccid(home: 0, 3), payload: 20)
        stage.go(2, [sender], turn: nil)
        lent.channel.breakDown(ChannelError.ioOnClosedChannel)
        stage.go(20, [sender], turn: Self.failing)
        other.terminal.send(to: stage.ccid(home: 1, 2), payload: 20)
        other.terminal.heartbeat(of: stage.ccid(home: 0, 4))
        stage.go(50, [other, receiver], turn: Self.failing)
        #expect(stage.claims.messages.map(\.isReceipted) == [false, true])
        #expect(stage.claims.violation == nil)
    }

    @Test("Terminals that change their event loop all the time keep nobody else without a receipt")
    func moving() {
        let stage = Stage(eventLoops: 2)
        let restless = stage.ccid(home: 0, 5)
        let rivals = [0, 1].map { home in
            let link = stage.connect([stage.ccid(home: home, 6), restless], shard: home)
            link.terminal.heartbeat(of: stage.ccid(home: home, 6))
            stage.go(20, [link])
            return link
        }
        let sender = stage.registered(home: 0, 1)
        let receiver = stage.registered(home: 1, 2, shard: 1)
        for turn in 0..<300 {
            rivals[turn % 2].terminal.heartbeat(of: restless)
            if turn == 100 {
                sender.terminal.send(to: stage.ccid(home: 1, 2), payload: 20)
                sender.terminal.heartbeat(of: stage.ccid(home: 0, 1))
            }
            stage.go(1, rivals + [sender, receiver])
        }
        #expect(stage.relay.shards[0].handover.recalls(of: [restless]) > 100)
        #expect(stage.claims.messages.map(\.isReceipted) == [true])
        #expect(stage.claims.violation == nil)
    }

    @Test("Who connects again and again while the disk fails leaves no waits behind", arguments: [1, 2])
    func forgotten(eventLoops: Int) {
        let stage = Stage(eventLoops: eventLoops)
        let ccid = stage.ccid(home: 0, 1)
        for _ in 0..<50 {
            let sender = stage.connect([ccid])
            sender.terminal.heartbeat(of: ccid)
            sender.terminal.send(to: stage.ccid(home: eventLoops - 1, 9), payload: 20)
            sender.terminal.heartbeat(of: ccid)
            stage.go(30, [sender], turn: Self.failing)
        }
        stage.go(1_000, turn: Self.failing)
        #expect(stage.relay.shards.allSatisfy { $0.receipts.waits.count <= 1 })
        #expect(stage.relay.shards.reduce(0) { $0 + $1.receipts.waits.count } == 1)
    }

    @Test("Who connects again and again while the disk fails or hangs passes no watermark", arguments: [true, false])
    func connectsAgain(isFailing: Bool) {
        let turn = isFailing ? Self.failing : nil
        let stage = Stage { $0.outbound.storeHighWatermark = 1_000 }
        let ccid = stage.ccid(home: 0, 1)
        for round in 0..<50 {
            let sender = stage.connect([ccid])
            sender.terminal.heartbeat(of: ccid)
            for _ in 0..<10 { sender.terminal.send(to: stage.ccid(home: 0, 9), payload: 50) }
            stage.go(10, [sender], turn: turn)
            for _ in 0..<10 { sender.terminal.send(to: stage.ccid(home: 0, 9), payload: 50) }
            if round.isMultiple(of: 2) { stage.finish(sender) }
            stage.go(10, [sender], turn: turn)
        }
        // The watermark, and a read; where nobody knows that the disk will not come back, twice the watermark and a connection's rest.
        #expect(stage.store.pendingBytes < (isFailing ? 3_000 : 6_000))
        #expect(stage.relay.shards[0].counters.accepted < 60)
        stage.go(50)
        #expect(stage.store.memory.totals.frames == Int(stage.relay.shards[0].counters.accepted))
        #expect(stage.claims.violation == nil)
    }

    @Test("Who ends while the store is behind, and works, is heard to the end")
    func endsWhileBehind() {
        let stage = Stage { $0.outbound.storeHighWatermark = 1_000 }
        let sender = stage.registered(home: 0, 1)
        for _ in 0..<30 {
            sender.terminal.send(to: stage.ccid(home: 0, 9), payload: 50)
            stage.go(1, [sender], turn: nil)
        }
        #expect(!sender.channel.isReading)
        stage.finish(sender)
        stage.go(50)
        #expect(stage.store.memory.totals.frames == 30)
        #expect(stage.claims.violation == nil)
    }

    @Test("Also behind a heartbeat that nobody is left to answer, and by whatever it ends")
    func brokenWhileBehind() {
        let stage = Stage { $0.outbound.storeHighWatermark = 1_000 }
        let (sender, other) = (stage.registered(home: 0, 1), stage.registered(home: 0, 2))
        sender.terminal.send(to: stage.ccid(home: 0, 9), payload: 50)
        sender.terminal.heartbeat(of: stage.ccid(home: 0, 1))
        sender.terminal.send(to: stage.ccid(home: 0, 9), payload: 50)
        for _ in 0..<15 {
            other.terminal.send(to: stage.ccid(home: 0, 9), payload: 50)
            stage.go(1, [other], turn: nil)
        }
        #expect(!other.channel.isReading)
        stage.bring(sender)
        sender.channel.breakDown(ChannelError.ioOnClosedChannel)
        stage.go(50, [other])
        #expect(stage.store.memory.totals.frames == 17)
        #expect(stage.claims.violation == nil)
    }

    @Test("Who is held back first goes on first")
    func turns() throws {
        let stage = Stage()
        for number in 1...8 { _ = stage.registered(home: 0, number) }
        let connections = stage.relay.shards[0].connections
        var paused = PausedSenders()
        for connection in connections { paused.append(connection) }
        paused.remove(connections[5])
        let first = paused.popFirst()
        paused.append(try #require(first))
        #expect(paused.count == 7)
        var order: [UInt64] = []
        while let connection = paused.popFirst() { order.append(connection.id) }
        #expect(order == [1, 2, 3, 4, 6, 7, 0].map { connections[$0].id })
        #expect(paused.isEmpty)
    }

    @Test("Frames that wait for a terminal between two event loops count for how far the store is behind", arguments: [0, 1])
    func betweenLoops(sendersLoop: Int) {
        let stage = Stage(eventLoops: 2) { $0.outbound.storeHighWatermark = 1_000 }
        let sender = stage.registered(home: sendersLoop, 1, shard: sendersLoop)
        let lent = stage.registered(home: 0, 3, shard: 1)
        let busy = stage.registered(home: 1, 9, shard: 1)
        busy.terminal.send(to: stage.ccid(home: 1, 20), payload: 20)
        stage.go(5, [busy], turn: nil)
        stage.finish(lent)
        for _ in 0..<20 {
            sender.terminal.send(to: stage.ccid(home: 0, 3), payload: 200)
            stage.go(2, [sender], turn: nil)
        }
        #expect(stage.relay.shards[0].handover.waitingBytes > 500)
        #expect(!sender.channel.isReading)
        stage.go(400, [sender])
        #expect(stage.relay.shards.allSatisfy { $0.handover.waitingBytes == 0 })
        #expect(stage.store.memory.backlog(of: stage.ccid(home: 0, 3)).frames == 20)
        #expect(sender.channel.isReading)
        #expect(stage.claims.violation == nil)
    }

    @Test("What is held counts for how far the store is behind")
    func held() {
        let stage = Stage { $0.outbound.storeHighWatermark = 1_000 }
        let receiver = stage.connect([stage.ccid(home: 0, 3)])
        let sender = stage.registered(home: 0, 1)
        sender.terminal.send(to: stage.ccid(home: 0, 3), payload: 20)
        stage.bring(sender)
        stage.go(2, [sender])
        // The store is asked for what it keeps, and does not answer.
        receiver.terminal.heartbeat(of: stage.ccid(home: 0, 3))
        stage.go(2, [receiver], turn: nil)
        for _ in 0..<20 {
            sender.terminal.send(to: stage.ccid(home: 0, 3), payload: 200)
            stage.go(1, [sender], turn: nil)
        }
        #expect(stage.relay.shards[0].heldFrames.bytes > 1_000)
        #expect(!sender.channel.isReading)
        stage.go(50, [sender, receiver])
        #expect(stage.relay.shards[0].heldFrames.bytes == 0)
        #expect(sender.channel.isReading)
        #expect(stage.claims.violation == nil)
    }
}
