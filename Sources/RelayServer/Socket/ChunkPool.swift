/// Memory for bytes that leave: one pool per event loop, so that a connection owns none while it has nothing in flight, and the
/// steady state allocates nothing.
final class ChunkPool {
    /// Chunk sizes in bytes: a heartbeat reply or a frame, a few frames, a burst, a drained run. A connection climbs from the first
    /// to the last while more is put than acknowledged, so that 15,000 idle terminals which get one frame each, all before the first
    /// acknowledgement, take 4 MB and not 2 GB. What they take at once is taken for good: an allocator gives little of it back.
    static let sizes = [256, 2 << 10, 16 << 10, 128 << 10]
    /// Chunks of each size that are kept when nobody needs them: 4 MiB each at the most.
    private static let kept = ChunkPool.sizes.map { (4 << 20) / $0 }

    /// Bytes of the chunks that somebody has.
    private(set) var lent = 0
    private var free: [[UnsafeMutableRawPointer]] = ChunkPool.sizes.map { _ in [] }

    deinit {
        for chunks in self.free {
            for chunk in chunks { chunk.deallocate() }
        }
    }

    /// A chunk of the size class `rung`, 0..<``sizes``.count.
    func take(_ rung: Int) -> UnsafeMutableRawPointer {
        self.lent &+= Self.sizes[rung]
        return self.free[rung].popLast() ?? .allocate(byteCount: Self.sizes[rung], alignment: 16)
    }

    /// Gives back a chunk of the size class `rung`.
    func give(_ chunk: UnsafeMutableRawPointer, _ rung: Int) {
        self.lent &-= Self.sizes[rung]
        if self.free[rung].count < Self.kept[rung] {
            self.free[rung].append(chunk)
        } else {
            chunk.deallocate()
        }
    }
}
