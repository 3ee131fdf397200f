import RelayCore

/// The frames that one event loop hands to the others at the end of the tick, in a batch for each.
final class PeerBatches {
    /// Bytes of frames at which a batch is handed over before the tick ends. The other loop can begin with it, and finds it in the
    /// cache that both share.
    private static let fullBatch = 48 << 10
    /// The capacity that such a batch has from its start, in bytes, entries included.
    private static let batchBlock = 64 << 10

    private var batches: [AppendBatch]
    /// Frames handed to other event loops, or waiting for a terminal between two of them. Only changes of the number have a
    /// meaning.
    private(set) var framesElsewhere: UInt64 = 0
    /// Frames handed to other event loops, less those received from them. The sum over all loops is the number under way.
    private(set) var handedOver: Int64 = 0

    /// - Parameter count: the number of event loops.
    init(count: Int) {
        self.batches = Array(repeating: AppendBatch(), count: count)
    }

    var indices: Range<Int> { self.batches.indices }
    var areEmpty: Bool { self.batches.allSatisfy(\.isEmpty) }

    func isEmpty(_ index: Int) -> Bool { self.batches[index].isEmpty }

    /// Whether a batch has to be handed over before it gets another frame.
    @inline(__always)
    func isFull(_ index: Int) -> Bool { self.batches[index].frameBytes >= Self.fullBatch }

    /// Lets `body` append one frame for event loop `index`.
    @inline(__always)
    func add(to index: Int, _ body: (inout AppendBatch) -> Void) {
        self.framesElsewhere &+= 1
        body(&self.batches[index])
    }

    /// Counts a frame that waits for a terminal between two event loops.
    func addedElsewhere() { self.framesElsewhere &+= 1 }

    /// Removes the batch for event loop `index`.
    func take(_ index: Int) -> AppendBatch {
        let batch = self.batches[index]
        self.batches[index] = AppendBatch(expecting: batch.frameBytes > Self.fullBatch / 4 ? Self.batchBlock : 0)
        self.handedOver += Int64(batch.count)
        return batch
    }

    /// Counts a batch received from another event loop.
    func received(_ batch: AppendBatch) { self.handedOver -= Int64(batch.count) }
}
