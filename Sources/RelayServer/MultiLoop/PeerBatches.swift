import RelayCore

/// The frames of one event loop that leave for the others at the end of the tick, a batch for each.
final class PeerBatches {
    /// Bytes of frames with which a batch leaves before the tick ends: the other loop can begin with it, and finds it in the cache
    /// that both share.
    private static let fullBatch = 48 << 10
    /// Bytes of the block that such a batch gets at once, entries included.
    private static let batchBlock = 64 << 10

    private var batches: [AppendBatch]
    /// Frames that went to other event loops, or wait for a terminal between two of them. Only its changes mean something.
    private(set) var framesElsewhere: UInt64 = 0
    /// Frames handed to other event loops, less those that they have handed here. The sum over all loops is what is under way.
    private(set) var passedOn: Int64 = 0

    /// - Parameter count: how many event loops there are.
    init(count: Int) {
        self.batches = Array(repeating: AppendBatch(), count: count)
    }

    var indices: Range<Int> { self.batches.indices }
    var areEmpty: Bool { self.batches.allSatisfy(\.isEmpty) }

    func isEmpty(_ index: Int) -> Bool { self.batches[index].isEmpty }

    /// Whether a batch has to leave before it gets another frame.
    @inline(__always)
    func isFull(_ index: Int) -> Bool { self.batches[index].frameBytes >= Self.fullBatch }

    /// Lets `body` add one frame for event loop `index`.
    @inline(__always)
    func add(to index: Int, _ body: (inout AppendBatch) -> Void) {
        self.framesElsewhere &+= 1
        body(&self.batches[index])
    }

    /// A frame waits for a terminal between two event loops.
    func addedElsewhere() { self.framesElsewhere &+= 1 }

    /// Takes out the batch for event loop `index`.
    func take(_ index: Int) -> AppendBatch {
        let batch = self.batches[index]
        self.batches[index] = AppendBatch(expecting: batch.frameBytes > Self.fullBatch / 4 ? Self.batchBlock : 0)
        self.passedOn += Int64(batch.count)
        return batch
    }

    /// A batch of another event loop has come.
    func received(_ batch: AppendBatch) { self.passedOn -= Int64(batch.count) }
}
