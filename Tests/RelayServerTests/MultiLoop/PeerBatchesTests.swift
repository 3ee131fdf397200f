import RelayCore
import TTMSProtocol
import Testing

@testable import RelayServer

/// Batches of frames for other event loops.
struct PeerBatchesTests {
    private func add(_ count: Int, to index: Int, of peers: PeerBatches, size: Int = 1_000) {
        let frame = [UInt8](repeating: 0, count: size)
        for _ in 0..<count {
            frame.withUnsafeBytes { frame in
                peers.add(to: index) { $0.append(AppendBatch.Entry(ccid: CCID(rawValue: 9)), frame: frame) }
            }
        }
    }

    @Test("Given frames for one event loop, when its batch is taken, then the others stay, and the frames count as passed on")
    func take() {
        let peers = PeerBatches(count: 3)
        self.add(2, to: 1, of: peers)
        self.add(1, to: 2, of: peers)
        #expect(peers.take(1).count == 2)
        #expect(peers.isEmpty(1) && !peers.isEmpty(2) && !peers.areEmpty)
        #expect(peers.handedOver == 2)
        #expect(peers.framesElsewhere == 3)
    }

    @Test("Given frames that one event loop passes to another, then the sum of what both count is what is under way")
    func underWay() {
        let (from, to) = (PeerBatches(count: 2), PeerBatches(count: 2))
        self.add(5, to: 1, of: from)
        let batch = from.take(1)
        #expect(from.handedOver + to.handedOver == 5)
        to.received(batch)
        #expect(from.handedOver + to.handedOver == 0)
    }

    @Test("Given a batch, when it has 48 KiB of frames, then it is full", arguments: [(48, false), (49, false), (50, true)])
    func full(frames: Int, isFull: Bool) {
        let peers = PeerBatches(count: 1)
        self.add(frames, to: 0, of: peers)
        #expect(peers.isFull(0) == isFull)
    }

    @Test("Given a frame that waits for a terminal between two event loops, then the count of frames elsewhere changes")
    func elsewhere() {
        let peers = PeerBatches(count: 1)
        peers.addedElsewhere()
        #expect(peers.framesElsewhere == 1)
        #expect(peers.areEmpty)
    }
}
