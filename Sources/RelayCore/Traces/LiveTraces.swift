import NIOCore

/// Traces of one slot's stored messages, in the order of their sequences.
///
/// They are in pieces, so that a removal in the middle of a long queue moves only the rest of one piece.
struct LiveTraces {
    static let pieceSize = 256

    /// Pieces in the order of their sequences; none is empty.
    private var pieces: [CircularBuffer<MessageTrace>] = []

    /// Whether no message of the slot is traced.
    var isEmpty: Bool { self.pieces.isEmpty }

    /// Adds a trace whose sequence is above all others.
    mutating func append(_ trace: MessageTrace) {
        assert(self.pieces.last?.last.map { $0.id.sequence < trace.id.sequence } ?? true, "sequences rise")
        if let last = self.pieces.indices.last, self.pieces[last].count < Self.pieceSize {
            self.pieces[last].append(trace)
        } else {
            var piece = CircularBuffer<MessageTrace>(initialCapacity: 1)
            piece.append(trace)
            self.pieces.append(piece)
        }
    }

    /// Trace with this sequence; `nil` when there is none.
    subscript(sequence: UInt64) -> MessageTrace? {
        self.index(of: sequence).map { self.pieces[$0.piece][$0.trace] }
    }

    /// Changes the trace with a sequence.
    ///
    /// - Returns: the changed trace; `nil` when there is none.
    mutating func change(_ sequence: UInt64, _ body: (inout MessageTrace) -> Void) -> MessageTrace? {
        guard let (piece, index) = self.index(of: sequence) else { return nil }
        body(&self.pieces[piece][index])
        assert(self.pieces[piece][index].id.sequence == sequence, "a change of the id")
        return self.pieces[piece][index]
    }

    /// Removes the trace with a sequence.
    ///
    /// - Returns: the trace; `nil` when there is none.
    mutating func remove(_ sequence: UInt64) -> MessageTrace? {
        guard let (piece, index) = self.index(of: sequence) else { return nil }
        let trace = self.pieces[piece].remove(at: index)
        if self.pieces[piece].isEmpty { self.pieces.remove(at: piece) }
        return trace
    }

    /// Returns the first messages with sequences in `range`, at most `limit`.
    func ids(in range: Range<UInt64>, limit: Int) -> [MessageID] {
        var ids: [MessageID] = []
        let start = self.place(of: range.lowerBound)
        var offset = start.offset
        for piece in self.pieces[start.piece...] {
            for trace in piece.dropFirst(offset) {
                guard ids.count < limit, trace.id.sequence < range.upperBound else { return ids }
                ids.append(trace.id)
            }
            offset = 0
        }
        return ids
    }

    /// Messages in flight, which come before the queued ones.
    var inFlight: [MessageID] {
        var ids: [MessageID] = []
        for piece in self.pieces {
            for trace in piece {
                guard trace.state == .inFlight else { return ids }
                ids.append(trace.id)
            }
        }
        return ids
    }

    private func index(of sequence: UInt64) -> (piece: Int, trace: CircularBuffer<MessageTrace>.Index)? {
        let (number, offset) = self.place(of: sequence)
        guard number < self.pieces.count else { return nil }
        let piece = self.pieces[number]
        assert(!piece.isEmpty)
        let index = piece.index(piece.startIndex, offsetBy: offset)
        return piece[index].id.sequence == sequence ? (number, index) : nil
    }

    /// Returns the place of the first trace with this sequence or a higher one; after the last piece when there is none.
    private func place(of sequence: UInt64) -> (piece: Int, offset: Int) {
        let number = Self.first(below: self.pieces.count) { (self.pieces[$0].last?.id.sequence ?? 0) >= sequence }
        guard number < self.pieces.count else { return (number, 0) }
        let piece = self.pieces[number]
        let offset = Self.first(below: piece.count) {
            piece[piece.index(piece.startIndex, offsetBy: $0)].id.sequence >= sequence
        }
        return (number, offset)
    }

    /// Returns the first number below `count` for which `isReached` holds, as it does for all later ones; `count` when there is
    /// none.
    private static func first(below count: Int, where isReached: (Int) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if isReached(middle) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
