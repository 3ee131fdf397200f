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
        #expect(stage.relay.shards[0].heldBytes > 1_000)
        #expect(!sender.channel.isReading)
        stage.go(50, [sender, receiver])
        #expect(stage.relay.shards[0].heldBytes == 0)
        #expect(sender.channel.isReading)
        #expect(stage.claims.violation == nil)
    }
}
