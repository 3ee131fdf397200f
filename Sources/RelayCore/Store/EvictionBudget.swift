/// Limit of the frames that one append evicts. The frames whose room it takes are always evicted; beyond these, a fixed number
/// until the next commit.
///
/// So the effect of a lowered cap spreads over several commits (``MessageStore/trim(limit:)``), and none of them takes long.
package struct EvictionBudget {
    /// Frames evicted beyond those whose room is taken, per commit: work of one or two milliseconds.
    package static let perCommit = 200

    private var rest = EvictionBudget.perCommit
    private var size = 0
    private var freed = (frames: 0, bytes: 0)

    package init() {}

    /// Restores the full budget after a commit.
    package mutating func renew() { self.rest = Self.perCommit }

    /// Begins the append of a frame of `size` bytes.
    package mutating func begin(size: Int) {
        self.size = size
        self.freed = (0, 0)
    }

    private var isCovered: Bool { self.freed.frames > 0 && self.freed.bytes >= self.size }

    /// Whether one more frame may be evicted for the append.
    package var isLeft: Bool { self.rest > 0 || !self.isCovered }

    /// Records that a frame of `bytes` bytes was evicted for the append.
    package mutating func spend(bytes: Int) {
        assert(self.isLeft, "an eviction beyond the budget")
        if self.isCovered { self.rest -= 1 }
        self.freed.frames += 1
        self.freed.bytes += bytes
    }
}

/// Tests of a load against the caps.
extension StoreLimits {
    package func isOver(terminal load: StoreLoad) -> Bool {
        load.frames > self.terminalFrames || load.bytes > self.terminalBytes
    }

    package func isOver(all load: StoreLoad) -> Bool {
        load.frames > self.totalFrames || load.bytes > self.totalBytes
    }
}
