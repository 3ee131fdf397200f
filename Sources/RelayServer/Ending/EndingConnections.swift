import NIOCore

/// The connections of one event loop whose peers have sent their last byte, from the FIN to the close.
///
/// Of those whose FINs come at once, a bounded number is handled in each interval and the others wait in their order. One that still
/// has frames in flight then *finishes*: it is closed when they are acknowledged, or at its deadline.
final class EndingConnections {
    /// How many are handled before the event loop serves its other connections. Closing a socket costs the kernel about 20 µs, so
    /// these wait about 2 ms, and a fleet of 15,000 is closed within a second.
    static let defaultAtOnce = 64

    private struct Finishing {
        var connection: TerminalConnection
        var deadline: NIODeadline
    }

    /// See ``defaultAtOnce``.
    var atOnce = EndingConnections.defaultAtOnce
    /// How many have been handled since the interval began.
    private var handled = 0
    private var waiting = CircularBuffer<TerminalConnection>(initialCapacity: 0)
    private var isIntervalScheduled = false
    private var finishing = CircularBuffer<Finishing>(initialCapacity: 0)

    var waitingCount: Int { self.waiting.count }
    var finishingCount: Int { self.finishing.count }

    // MARK: Handling FINs

    /// The FIN of `connection` came.
    ///
    /// - Returns: whether it is handled now; otherwise it waits for ``next()``.
    func admits(_ connection: TerminalConnection) -> Bool {
        guard self.handled < self.atOnce else {
            self.waiting.append(connection)
            return false
        }
        self.handled += 1
        return true
    }

    /// Whether the next interval has to be scheduled.
    func requestInterval() -> Bool {
        guard !self.isIntervalScheduled, self.handled > 0 else { return false }
        self.isIntervalScheduled = true
        return true
    }

    func intervalBegins() {
        self.handled = 0
    }

    /// The next connection that has waited and has not been closed since; `nil` when there is none, or enough have been handled.
    func next() -> TerminalConnection? {
        while self.handled < self.atOnce, let connection = self.waiting.popFirst() {
            guard connection.closeReason == nil else { continue }
            self.handled += 1
            return connection
        }
        return nil
    }

    func intervalEnds() {
        self.isIntervalScheduled = false
    }

    // MARK: Finishing

    /// Frames are in flight on `connection`, which is closed at `deadline` at the latest.
    ///
    /// - Returns: whether it is the first, so that a sweep has to be scheduled.
    func finish(_ connection: TerminalConnection, by deadline: NIODeadline) -> Bool {
        assert(connection.isFinishing, "Only a connection whose peer has sent its last byte finishes.")
        self.finishing.append(Finishing(connection: connection, deadline: deadline))
        return self.finishing.count == 1
    }

    /// Removes those that have ended, or that `end` ends.
    ///
    /// - Parameters:
    ///   - limit: how many are checked at most.
    ///   - end: whether the connection is at its end; its second argument is whether the deadline has passed.
    /// - Returns: whether any are left.
    func sweep(limit: Int, now: NIODeadline, _ end: (TerminalConnection, Bool) -> Bool) -> Bool {
        for _ in 0..<min(self.finishing.count, limit) {
            guard let entry = self.finishing.popFirst() else { break }
            guard entry.connection.closeReason == nil, !end(entry.connection, entry.deadline <= now) else { continue }
            self.finishing.append(entry)
        }
        return !self.finishing.isEmpty
    }

    /// The process is dead: nothing refers to connections any more.
    func removeAll() {
        self.waiting = CircularBuffer(initialCapacity: 0)
        self.finishing = CircularBuffer(initialCapacity: 0)
    }
}
