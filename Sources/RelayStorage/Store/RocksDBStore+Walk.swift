import RelayCore
import TTMSProtocol

/// A frame in a queue, and its place.
struct StoredFrame {
    /// The place of a frame.
    enum Place {
        /// The chunk on disk under this key, or its replacement.
        case chunk(UInt64)
        /// The piece of ``Staging`` at this index.
        case staged(Int)
    }

    let sequence: UInt64
    let acceptedAt: Int64
    let timeToLive: UInt32
    let place: Place
    /// The frame's bytes, valid during the visit.
    let bytes: UnsafeRawBufferPointer

    /// The time of its expiry; `nil` when it does not expire.
    var expiresAt: Timestamp? {
        Timestamp(microseconds: self.acceptedAt).expiry(timeToLive: self.timeToLive)
    }
}

/// Walks through the frames of a queue: first those on disk, then the staged ones.
extension RocksDBStore {
    /// Calls `body` with the frames in `slot` from `sequence` on, in order, holes left out, until it returns `false`.
    func walk(_ slot: UInt32, from sequence: UInt64, _ body: (StoredFrame) -> Bool) throws(StoreError) {
        let chain = self.table[slot].staged
        let firstStaged = chain.map { self.staging.pieces[$0.first].sequence } ?? self.table[slot].next
        if sequence < firstStaged {
            guard try self.walkChunks(slot, sequence..<firstStaged, body) else { return }
        }
        self.staging.forEach(in: chain) { index, piece, frame in
            guard piece.sequence >= sequence, piece.size > 0 else { return true }
            return body(
                StoredFrame(
                    sequence: piece.sequence,
                    acceptedAt: piece.acceptedAt,
                    timeToLive: piece.timeToLive,
                    place: .staged(index),
                    bytes: frame
                )
            )
        }
    }

    /// - Returns: `false` when `body` returned that.
    private func walkChunks(
        _ slot: UInt32,
        _ sequences: Range<UInt64>,
        _ body: (StoredFrame) -> Bool
    ) throws(StoreError) -> Bool {
        let base = MessageID(slot: slot, sequence: 0).rawValue
        var position = base + sequences.lowerBound
        let end = base + sequences.upperBound
        let iterator = try self.currentIterator()
        try self.seekChunk(of: position, in: iterator)
        while let key = iterator.key, key < end {
            let replacement = self.staging.replacements[key]
            let goesOn: Bool? =
                if case .some(.some(let record)) = replacement {
                    record.withUnsafeBytes { Self.visit($0, under: key, from: &position, to: end, body) }
                } else if replacement != nil || self.staging.isRemoved(key) {
                    true
                } else {
                    Self.visit(iterator.value, under: key, from: &position, to: end, body)
                }
            guard let goesOn else { throw Chunk.contradiction }
            guard goesOn else { return false }
            iterator.next()
        }
        if iterator.key == nil { try iterator.check() }
        return true
    }

    /// Moves to the chunk that holds the frame at `position`, or to the first later one.
    private func seekChunk(of position: UInt64, in iterator: DatabaseIterator) throws(StoreError) {
        iterator.seek(position)
        // Nearly always a chunk begins at the end of the last read.
        if iterator.key == position { return }
        iterator.seekBack(position)
        if let key = iterator.key, MessageID(rawValue: key).slot == MessageID(rawValue: position).slot {
            guard let chunk = Chunk(iterator.value) else { throw Chunk.contradiction }
            if key + UInt64(chunk.count) > position { return }
        }
        iterator.seek(position)
    }

    /// Visits a chunk's frames in `position..<end`, and moves `position` after the last one.
    ///
    /// - Returns: `nil` when the record contradicts itself; `false` when `body` returned that.
    @inline(__always)
    private static func visit(
        _ record: UnsafeRawBufferPointer,
        under key: UInt64,
        from position: inout UInt64,
        to end: UInt64,
        _ body: (StoredFrame) -> Bool
    ) -> Bool? {
        guard let chunk = Chunk(record) else { return nil }
        return chunk.visit { offset, entry in
            let id = key + UInt64(offset)
            guard id >= position, id < end else { return true }
            position = id + 1
            guard !entry.frame.isEmpty else { return true }
            return body(
                StoredFrame(
                    sequence: MessageID(rawValue: id).sequence,
                    acceptedAt: entry.acceptedAt,
                    timeToLive: chunk.timeToLive,
                    place: .chunk(key),
                    bytes: entry.frame
                )
            )
        }
    }

    private func currentIterator() throws(StoreError) -> DatabaseIterator {
        if let iterator = self.iterator { return iterator }
        let iterator = try self.openDatabase().iterator(.messages)
        self.iterator = iterator
        return iterator
    }

    /// The error for a queue that counts frames and has none.
    func missing(in slot: UInt32) -> StoreError {
        let queue = self.table[slot]
        return RocksDBFailure.damaged(
            "The store counts \(queue.queuedFrames) queued frames for terminal "
                + "\(queue.ccid.map(String.init(describing:)) ?? "-") and finds none"
        )
    }
}
