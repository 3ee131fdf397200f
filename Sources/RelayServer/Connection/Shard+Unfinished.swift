import CLinuxTCP
import Dispatch
import NIOCore
import RelayCore

// Frames whose rest has not come: a bounded time, and a bounded amount of memory (G6).
extension Shard {
    /// This event loop's part of the memory that unfinished frames may take.
    var unfinishedLimit: Int { self.options.maximumUnfinishedBytes / max(self.options.eventLoops, 1) }

    /// Connections that are ended at once at most: some 5 ms.
    private static let unfinishedAtOnce = 128

    /// Closes the connections with the oldest unfinished frames until a quarter of the memory is free. An active sender finishes its
    /// frames, and so is not among the oldest for long. Connections that the relay itself holds back are neither counted nor closed.
    /// Called after each read that leaves a frame unfinished: an event loop can read from hundreds of connections in one tick.
    ///
    /// - Parameter reading: the connection whose read it was, which is not closed.
    func boundUnfinished(sparing reading: TerminalConnection? = nil) {
        guard self.unfinishedBytes > self.unfinishedLimit else { return }
        self.noteUnfinishedPeak()
        var ended = 0
        while ended < Self.unfinishedAtOnce, self.unfinishedBytes > self.unfinishedLimit / 4 * 3 {
            guard let connection = self.takeOldestUnfinished(sparing: reading) else { return }
            self.close(connection, .unfinishedFrame)
            ended += 1
        }
    }

    /// The connections are searched when all that the last search found are used up: a search passes all of them, and is followed by
    /// the end of many.
    private func takeOldestUnfinished(sparing reading: TerminalConnection?) -> TerminalConnection? {
        for _ in 0..<2 {
            while let (connection, since) = self.oldestUnfinished.popLast() {
                // It has finished that frame since, or has ended.
                guard connection.closeReason == nil, connection.isUnfinished, connection.unfinishedSince == since else {
                    continue
                }
                if connection !== reading { return connection }
            }
            self.oldestUnfinished = self.connections.filter { $0.isUnfinished }
                .map { ($0, $0.unfinishedSince) }
                .sorted { $0.1 > $1.1 }
        }
        return nil
    }

    /// Bytes of unfinished frames that have to be gone before memory is given back to the system.
    private static let worthReturning = 8 << 20

    /// The shortest time from one return of memory to the next.
    private static let returnInterval = TimeAmount.seconds(10)

    /// Returns memory to the system after many unfinished frames: the C library keeps it otherwise. Runs on another thread, because
    /// that takes milliseconds. Called several times a second.
    func returnMemory() {
        // Connections that have ended meanwhile are released.
        self.oldestUnfinished = []
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
