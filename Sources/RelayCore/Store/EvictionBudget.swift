/// How many frames give way to one that is appended: as many as it takes the room of, and of what is more only some until the next
/// commit. A cap that has become lower is so reached step by step (``MessageStore/trim(limit:)``), and no commit waits for all of it.
package struct EvictionBudget {
    /// Frames beyond those whose room is taken, from one commit to the next: a millisecond or two.
    package static let perCommit = 200

    private var rest = EvictionBudget.perCommit
    private var size = 0
    private var freed = (frames: 0, bytes: 0)

    package init() {}

    /// Everything staged is durable.
    package mutating func renew() { self.rest = Self.perCommit }

    /// A frame of `size` bytes is to be appended.
    package mutating func begin(size: Int) {
        self.size = size
        self.freed = (0, 0)
    }

    private var isCovered: Bool { self.freed.frames > 0 && self.freed.bytes >= self.size }

    /// Whether one more frame may be evicted for it.
    package var isLeft: Bool { self.rest > 0 || !self.isCovered }

    /// A frame of `bytes` bytes was evicted for it.
    package mutating func spend(bytes: Int) {
        if self.isCovered { self.rest -= 1 }
        self.freed.frames += 1
        self.freed.bytes += bytes
    }
}

/// What a queue, or all of them, hold beyond their caps.
extension StoreLimits {
    package func isOver(terminal load: StoreLoad) -> Bool {
        load.frames > self.terminalFrames || load.bytes > self.terminalBytes
    }

    package func isOver(all load: StoreLoad) -> Bool {
        load.frames > self.totalFrames || load.bytes > self.totalBytes
    }
}
