import NIOCore

/// The memory of one event loop for bytes that are not handled: unfinished frames of peers, and bytes of connections that the relay
/// holds back.
final class UnfinishedMemory {
    /// The bytes of unfinished frames that must have been freed before memory is returned to the system.
    private static let worthReturning = 8 << 20
    /// The shortest time from one return of memory to the next.
    private static let returnInterval = TimeAmount.seconds(10)

    /// Memory for frames whose rest the peers have not sent, in bytes.
    private(set) var bytes = 0
    /// Memory for bytes on connections that the relay holds back.
    private(set) var heldBackBytes = 0
    /// The maximum of both since memory was returned to the system.
    private var peak = 0
    private var returnedAt = NIODeadline.uptimeNanoseconds(0)
    /// The result of the last search: connections with unfinished frames, and the time since which each waits for the rest. The
    /// oldest is the last.
    private var oldest: [(connection: TerminalConnection, since: NIODeadline)] = []

    /// Adds `change` bytes to the memory.
    func count(_ change: Int, isHeldBack: Bool) {
        if isHeldBack { self.heldBackBytes += change } else { self.bytes += change }
        assert(self.bytes >= 0 && self.heldBackBytes >= 0, "Only memory that was counted is released.")
    }

    /// Records the most memory in use.
    func notePeak() {
        self.peak = max(self.peak, self.bytes + self.heldBackBytes)
    }

    /// Whether enough is free for the C library to return it to the system. Releases the result of the last search.
    func shouldReturn(now: NIODeadline) -> Bool {
        self.oldest = []
        self.notePeak()
        let kept = self.bytes + self.heldBackBytes
        guard self.peak - kept >= Self.worthReturning, now - self.returnedAt >= Self.returnInterval else { return false }
        self.peak = kept
        self.returnedAt = now
        return true
    }

    /// The connection whose unfinished frame has waited longest.
    ///
    /// The connections are searched when all results of the last search are used. A search passes all connections, and is followed
    /// by the end of many.
    ///
    /// - Parameters:
    ///   - reading: a connection that is not returned.
    ///   - connections: all connections.
    func takeOldest(sparing reading: TerminalConnection?, of connections: [TerminalConnection]) -> TerminalConnection? {
        for _ in 0..<2 {
            while let (connection, since) = self.oldest.popLast() {
                // The connection has finished that frame since, or has ended.
                guard connection.closeReason == nil, connection.isUnfinished, connection.unfinishedSince == since else {
                    continue
                }
                if connection !== reading { return connection }
            }
            self.oldest = connections.filter { $0.isUnfinished }
                .map { ($0, $0.unfinishedSince) }
                .sorted { $0.since > $1.since }
        }
        return nil
    }

    /// Drops every reference to a connection, when the shard is released.
    func removeAll() { self.oldest = [] }
}
