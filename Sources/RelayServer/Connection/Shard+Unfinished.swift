import CLinuxTCP
import Dispatch
import NIOCore
import RelayCore

// Frames whose rest has not come: a bounded time, and a bounded amount of memory (G6).
extension Shard {
    /// This event loop's part of the memory that unfinished frames may take.
    var unfinishedLimit: Int { self.options.maximumUnfinishedBytes / max(self.options.eventLoops, 1) }

    /// How often connections are searched for the oldest unfinished frames.
    private static let unfinishedInterval = TimeAmount.milliseconds(20)
    /// Connections that one search ends at most.
    private static let unfinishedAtOnce = 512

    /// Closes the connections with the oldest unfinished frames until a quarter of the memory is free. An active sender finishes its
    /// frames, and so is not among the oldest for long. Connections that the relay itself holds back are neither counted nor closed.
    func boundUnfinished() {
        guard self.unfinishedBytes > self.unfinishedLimit else { return }
        let now = self.eventLoop.now
        guard now - self.unfinishedBoundAt >= Self.unfinishedInterval else { return }
        self.unfinishedBoundAt = now
        self.noteUnfinishedPeak()
        let oldest = self.connections
            .filter { $0.unfinished.readableBytes > 0 && !$0.isHeldBack }
            .sorted { $0.unfinishedSince < $1.unfinishedSince }
        for connection in oldest.prefix(Self.unfinishedAtOnce) {
            guard self.unfinishedBytes > self.unfinishedLimit / 4 * 3 else { return }
            self.close(connection, .unfinishedFrame)
        }
    }

    /// Bytes of unfinished frames that have to be gone before memory is given back to the system.
    private static let worthReturning = 8 << 20

    /// The shortest time from one return of memory to the next.
    private static let returnInterval = TimeAmount.seconds(10)

    /// Returns memory to the system after many unfinished frames: the C library keeps it otherwise. Runs on another thread, because
    /// that takes milliseconds. Called several times a second.
    func returnMemory() {
        let kept = self.noteUnfinishedPeak()
        let now = self.eventLoop.now
        guard self.unfinishedPeak - kept >= Self.worthReturning, now - self.memoryReturnedAt >= Self.returnInterval else {
            return
        }
        self.unfinishedPeak = kept
        self.memoryReturnedAt = now
        DispatchQueue.global(qos: .utility).async { memory_return_free() }
    }

    /// - Returns: the bytes that are kept now.
    @discardableResult
    private func noteUnfinishedPeak() -> Int {
        let kept = self.unfinishedBytes + self.heldBackBytes
        self.unfinishedPeak = max(self.unfinishedPeak, kept)
        return kept
    }
}
