import NIOCore

/// The traces of one slot's messages that are kept, in the order of their sequences.
///
/// They lie in pieces, so that the end of one in the middle of a long queue moves no more than the rest of its piece.
struct LiveTraces {
    static let pieceSize = 256

    /// None of them is empty.
    private var pieces: [CircularBuffer<MessageTrace>] = []

    /// Whether no message of the slot is traced.
    var isEmpty: Bool { self.pieces.isEmpty }

    /// Adds a trace with a sequence above all others.
    mutating func append(_ trace: MessageTrace) {
        if let last = self.pieces.indices.last, self.pieces[last].count < Self.pieceSize {
            self.pieces[last].append(trace)
        } else {
            var piece = CircularBuffer<MessageTrace>(initialCapacity: 1)
            piece.append(trace)
            self.pieces.append(piece)
        }
    }

    /// The trace with a sequence, if there is one.
    subscript(sequence: UInt64) -> MessageTrace? {
        self.index(of: sequence).map { self.pieces[$0.piece][$0.trace] }
    }

    /// Changes the trace with a sequence.
    ///
    /// - Returns: the changed trace; `nil` when there is none.
    mutating func change(_ sequence: UInt64, _ body: (inout MessageTrace) -> Void) -> MessageTrace? {
        guard let (piece, index) = self.index(of: sequence) else { return nil }
        body(&self.pieces[piece][index])
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

    /// The first messages with sequences in `range`.
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

    /// The messages in flight, which stand before those that are queued.
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
        let index = piece.index(piece.startIndex, offsetBy: offset)
        return piece[index].id.sequence == sequence ? (number, index) : nil
    }

    /// The place of the first trace with this sequence or a higher one; behind the last piece when there is none.
    private func place(of sequence: UInt64) -> (piece: Int, offset: Int) {
        let number = Self.first(below: self.pieces.count) { (self.pieces[$0].last?.id.sequence ?? 0) >= sequence }
        guard number < self.pieces.count else { return (number, 0) }
        let piece = self.pieces[number]
        let offset = Self.first(below: piece.count) {
            piece[piece.index(piece.startIndex, offsetBy: $0)].id.sequence >= sequence
        }
        return (number, offset)
    }

    /// The first number below `count` for which `isReached` holds, as it does for all behind it; `count` when there is none.
    private static func first(below count: Int, where isReached: (Int) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if isReached(middle) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
