/// Memory for outbound bytes, with one pool per event loop. A connection owns none while it has nothing in flight, and the steady
/// state allocates nothing.
final class ChunkPool {
    /// Chunk sizes in bytes: a heartbeat reply or a frame, a few frames, a burst, a drained run. A connection climbs from the first
    /// to the last while more is put than acknowledged. So 15,000 idle terminals which receive one frame each, all before the first
    /// acknowledgement, take 4 MB and not 2 GB. Memory that they take at once stays allocated: an allocator returns little of it.
    static let sizes = [256, 2 << 10, 16 << 10, 128 << 10]
    /// The number of free chunks of each size that are retained: at most 4 MiB of each.
    private static let kept = ChunkPool.sizes.map { (4 << 20) / $0 }

    /// Bytes of the chunks in use.
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

    /// Returns a chunk of the size class `rung`.
    func give(_ chunk: UnsafeMutableRawPointer, _ rung: Int) {
        self.lent &-= Self.sizes[rung]
        if self.free[rung].count < Self.kept[rung] {
            self.free[rung].append(chunk)
        } else {
            chunk.deallocate()
        }
    }
}
