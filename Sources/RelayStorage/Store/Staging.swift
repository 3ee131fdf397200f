import RelayCore

/// The staged changes: appended frames, and changes to chunks on disk.
///
/// They are held until a commit succeeds, and can be written again at any time. The chunk of a frame is fixed when the frame is
/// appended. A second attempt writes the same records as the first, or longer ones under the same keys.
struct Staging {
    /// One terminal's staged frames, linked in order.
    struct Chain {
        var first: Int
        var last: Int
    }

    /// An appended frame.
    struct Piece {
        let sequence: UInt64
        let acceptedAt: Int64
        let timeToLive: UInt32
        /// Bytes of the frame; 0 when it has ended.
        var size: UInt16
        /// Whether the frame begins a chunk.
        let isFirstOfChunk: Bool
        /// The time at which the first frame of its chunk was accepted, µs.
        let chunkAcceptedAt: Int64
        /// Bytes of the chunk up to and including this frame.
        let chunkSize: Int
        /// The position of the frame in ``bytes``.
        let start: Int
        /// The terminal's next piece.
        var next: Int?
    }

    private(set) var pieces: [Piece] = []
    private(set) var bytes: [UInt8] = []
    /// Records under the keys of chunks on disk that replace them; `nil` removes the chunk.
    private(set) var replacements: [UInt64: [UInt8]?] = [:]
    /// Keys whose chunks on disk are removed.
    private(set) var removals: [Range<UInt64>] = []

    /// Memory that is retained for the next commit; a long failure of the disk needs more.
    private static let keptBytes = 8 << 20
    private static let keptPieces = 1 << 16

    /// Adds a frame of 1...65535 bytes at the end of a terminal's chain.
    mutating func append(
        _ frame: UnsafeRawBufferPointer,
        sequence: UInt64,
        acceptedAt: Int64,
        timeToLive: UInt32,
        to chain: inout Chain?
    ) {
        let index = self.pieces.count
        var isFirstOfChunk = true
        var chunkAcceptedAt = acceptedAt
        var chunkSize = Chunk.headerSize
        if let last = chain.map({ self.pieces[$0.last] }), last.timeToLive == timeToLive,
            last.chunkSize + frame.count <= Chunk.targetSize,
            acceptedAt - last.chunkAcceptedAt <= Int64(UInt16.max)
        {
            isFirstOfChunk = false
            chunkAcceptedAt = last.chunkAcceptedAt
            chunkSize = last.chunkSize
        }
        self.pieces.append(
            Piece(
                sequence: sequence,
                acceptedAt: acceptedAt,
                timeToLive: timeToLive,
                size: UInt16(clamping: frame.count),
                isFirstOfChunk: isFirstOfChunk,
                chunkAcceptedAt: chunkAcceptedAt,
                chunkSize: chunkSize + Chunk.entrySize + frame.count,
                start: self.bytes.count,
                next: nil
            )
        )
        self.bytes.append(contentsOf: frame)
        if let last = chain?.last {
            self.pieces[last].next = index
            chain?.last = index
        } else {
            chain = Chain(first: index, last: index)
        }
    }

    /// Calls `body` with each piece of a chain and its frame, which is empty when it has ended, until it returns `false`.
    @inline(__always)
    func forEach(in chain: Chain?, _ body: (Int, Piece, UnsafeRawBufferPointer) -> Bool) {
        self.bytes.withUnsafeBytes { bytes in
            var index = chain?.first
            while let current = index {
                let piece = self.pieces[current]
                let frame = UnsafeRawBufferPointer(rebasing: bytes[piece.start..<(piece.start + Int(piece.size))])
                guard body(current, piece, frame) else { return }
                index = piece.next
            }
        }
    }

    /// Makes a hole of the frame at `index`.
    mutating func punch(_ index: Int) {
        self.pieces[index].size = 0
    }

    /// Replaces the chunk on disk under `key`; `nil` removes it.
    mutating func replace(_ key: UInt64, with record: [UInt8]?) {
        self.replacements[key] = .some(record)
    }

    /// Removes all chunks on disk under `keys`.
    mutating func remove(_ keys: Range<UInt64>) {
        guard !keys.isEmpty else { return }
        self.removals.append(keys)
        // Replacements are written after removals.
        for key in self.replacements.keys where keys.contains(key) { self.replace(key, with: nil) }
    }

    /// Whether the chunk on disk under `key` is removed.
    func isRemoved(_ key: UInt64) -> Bool {
        !self.removals.isEmpty && self.removals.contains { $0.contains(key) }
    }

    /// Drops the changes to chunks on disk, after they are durable.
    mutating func removeChanges() {
        self.replacements.removeAll()
        self.removals.removeAll()
    }

    mutating func removeAll() {
        self.pieces.removeAll(keepingCapacity: self.pieces.capacity <= Self.keptPieces)
        self.bytes.removeAll(keepingCapacity: self.bytes.capacity <= Self.keptBytes)
        self.replacements.removeAll()
        self.removals.removeAll()
    }
}
