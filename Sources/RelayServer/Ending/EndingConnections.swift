import NIOCore

/// The connections of one event loop whose peers have sent their last byte, from the FIN to the close.
///
/// Of FINs that come at once, a bounded number is handled in each interval and the others wait in their order. A connection that
/// still has frames in flight then *finishes*: it is closed when they are acknowledged, or at its deadline.
final class EndingConnections {
    /// The number of FINs handled before the event loop serves its other connections. Closing a socket costs the kernel about 20
    /// µs, so these wait about 2 ms, and a fleet of 15,000 is closed within a second.
    static let defaultAtOnce = 64

    private struct Finishing {
        var connection: TerminalConnection
        var deadline: NIODeadline
    }

    /// See ``defaultAtOnce``.
    var atOnce = EndingConnections.defaultAtOnce
    /// The number handled since the interval began.
    private var handled = 0
    private var waiting = CircularBuffer<TerminalConnection>(initialCapacity: 0)
    private var isIntervalScheduled = false
    private var finishing = CircularBuffer<Finishing>(initialCapacity: 0)

    var waitingCount: Int { self.waiting.count }
    var finishingCount: Int { self.finishing.count }

    // MARK: Handling FINs

    /// Admits the FIN of `connection`.
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

    /// Requests the next interval.
    ///
    /// - Returns: whether the caller has to schedule it.
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

    /// Adds `connection`, which has frames in flight and is closed no later than `deadline`.
    ///
    /// - Returns: whether it is the first, so that a sweep has to be scheduled.
    func finish(_ connection: TerminalConnection, by deadline: NIODeadline) -> Bool {
        assert(connection.isFinishing, "Only a connection whose peer has sent its last byte finishes.")
        self.finishing.append(Finishing(connection: connection, deadline: deadline))
        return self.finishing.count == 1
    }

    /// Removes connections that have ended, or for which `end` returns `true`.
    ///
    /// - Parameters:
    ///  - limit: the maximum number checked.
    ///   - end: ends the connection if it is at its end, and returns whether it was; the second argument is whether the deadline
    ///     has passed.
    /// - Returns: whether any are left.
    func sweep(limit: Int, now: NIODeadline, _ end: (TerminalConnection, Bool) -> Bool) -> Bool {
        for _ in 0..<min(self.finishing.count, limit) {
            guard let entry = self.finishing.popFirst() else { break }
            guard entry.connection.closeReason == nil, !end(entry.connection, entry.deadline <= now) else { continue }
            self.finishing.append(entry)
        }
        return !self.finishing.isEmpty
    }

    /// Drops every reference to a connection, when the shard is released.
    func removeAll() {
        self.waiting = CircularBuffer(initialCapacity: 0)
        self.finishing = CircularBuffer(initialCapacity: 0)
    }
}
