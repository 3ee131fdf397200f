import NIOCore
import RelayCore
import TTMSProtocol
import Testing

@testable import RelayServer

/// The store's client, event by event.
struct StoreClientTests {
    private let terminal = CCID(rawValue: 7)
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    private func appendOne(to client: StoreClient) {
        let frame: [UInt8] = Array(repeating: 0, count: Frame.minimumSize)
        frame.withUnsafeBytes { frame in client.append { $0.append(AppendBatch.Entry(ccid: self.terminal), frame: frame) } }
    }

    private func removal(_ sequence: UInt64) -> StoreSubmission.Removal {
        .init(ccid: self.terminal, through: MessageID(slot: 1, sequence: sequence))
    }

    @Test("Given nothing gathered, when the tick ends, then nothing is submitted and the number stays")
    func empty() {
        let client = StoreClient()
        #expect(client.take(isLast: true, now: self.start) == nil)
        #expect(client.number == 1)
        #expect(client.latest == 0)
        #expect(client.isAnswered)
    }

    /// An item of a submission.
    enum Item: CaseIterable {
        case append, remove, rewind, read, confirm
    }

    @Test(
        "Given any first item, when it gathers, then it is announced once, and taken with the next number",
        arguments: Item.allCases
    )
    func announces(item: Item) {
        let client = StoreClient()
        var announced = 0
        client.gathered = { announced += 1 }
        func add() {
            switch item {
            case .append: self.appendOne(to: client)
            case .remove: client.remove(self.removal(1))
            case .rewind: client.rewind(self.terminal)
            case .read: client.read(.init(ccid: self.terminal, token: 1, maximumBytes: 1))
            case .confirm: client.confirm([MessageID(slot: 1, sequence: 1)])
            }
        }
        add()
        add()
        #expect(announced == 1)
        #expect(client.latest == 1)
        #expect(client.take(isLast: false, now: self.start)?.number == 1)
        #expect(client.number == 2)
        #expect(client.isEmpty)
        add()
        #expect(announced == 2)
    }

    @Test("Given submissions on their way, when the store answers, then the highest durable one is known")
    func answers() {
        let client = StoreClient()
        for _ in 0..<3 {
            self.appendOne(to: client)
            _ = client.take(isLast: false, now: self.start)
        }
        #expect(!client.isAnswered)
        client.wasCarriedOut(2)
        #expect((client.committed, client.carriedOut) == (0, 2))
        client.completed(1)
        #expect((client.committed, client.carriedOut) == (1, 2))
        client.completed(3)
        #expect((client.committed, client.carriedOut) == (3, 3))
        #expect(client.isAnswered)
        self.appendOne(to: client)
        #expect(!client.isAnswered)
    }

    @Test("Given a delayed removal, when nothing else is submitted, then it is due after its patience")
    func delayedRemoval() {
        let client = StoreClient()
        let due = self.start + StoreClient.removalPatience
        #expect(client.removeLater(self.removal(1), now: self.start) == due)
        #expect(client.removeLater(self.removal(2), now: self.start + .milliseconds(1)) == nil)
        #expect(client.removalsDue == due)
        #expect(client.take(isLast: false, now: due - .nanoseconds(1)) == nil)
        #expect(client.take(isLast: false, now: due)?.removals == [self.removal(1), self.removal(2)])
        #expect(client.removalsDue == nil)
    }

    @Test("Given a delayed removal, when something else is submitted, then it goes with that, before newer removals")
    func delayedRemovalGoesAlong() {
        let client = StoreClient()
        _ = client.removeLater(self.removal(1), now: self.start)
        client.remove(self.removal(2))
        #expect(client.take(isLast: false, now: self.start)?.removals == [self.removal(1), self.removal(2)])
        #expect(client.delayedRemovalCount == 0)
    }

    @Test("Given as many delayed removals as may wait, when one more comes, then all are due")
    func manyRemovals() {
        let client = StoreClient()
        var announced = 0
        client.gathered = { announced += 1 }
        for number in 1..<UInt64(StoreClient.maximumDelayedRemovals) {
            _ = client.removeLater(self.removal(number), now: self.start)
        }
        #expect(announced == 0)
        #expect(client.take(isLast: false, now: self.start) == nil)
        _ = client.removeLater(self.removal(UInt64(StoreClient.maximumDelayedRemovals)), now: self.start)
        #expect(announced == 1)
        #expect(client.take(isLast: false, now: self.start)?.removals.count == StoreClient.maximumDelayedRemovals)
    }

    @Test("Given a stop, when only delayed removals are left, then they are submitted")
    func lastRemovals() {
        let client = StoreClient()
        _ = client.removeLater(self.removal(1), now: self.start)
        #expect(client.take(isLast: true, now: self.start)?.removals == [self.removal(1)])
    }

    @Test("Tokens are never 0, which stands for no receipt, and differ")
    func tokens() {
        let client = StoreClient()
        let tokens = (0..<1_000).map { _ in client.makeToken() }
        #expect(!tokens.contains(0))
        #expect(Set(tokens).count == tokens.count)
    }
}
