import NIOCore
import RelayCore

/// The connections of one event loop whose peers owe acknowledgements, with their due times. One timer serves all.
///
/// There are two separate deadlines. A frame that is only in memory must be on disk in time (G4), acknowledged or not. It is
/// journalled together with all frames that cannot be acknowledged yet, so that commits are few and large. A sample of the
/// acknowledged bytes is not urgent: it waits for the connection's own round trip (``AcknowledgementPace``).
final class AcknowledgementQueue {
    /// The longest time from a write to the first sample, of a peer that is near.
    static let longestDelay = TimeAmount.milliseconds(20)
    /// Deadlines that are at most this much later are served by the same wake-up.
    private static let slack = TimeAmount.milliseconds(3)

    /// The age at which a frame is journalled: the commit takes the rest of `journal_after`. `nil` when no frame is journalled by
    /// age.
    let journalDelay: TimeAmount?
    /// The least age of a frame that is journalled. The peer of a younger one, if it is near, acknowledges it before the next
    /// journal.
    let journalAge: TimeAmount
    private var samples: TimerWheel<TerminalConnection>
    /// Connections with frames that are only in memory.
    private var unjournaled: [TerminalConnection] = []
    /// The time at which the oldest of those frames is journalled.
    private var journalDue: NIODeadline?
    /// The empty buffer of the last sweep, reused so that a sweep allocates nothing.
    private var spare: [TerminalConnection] = []

    init(journal: JournalOptions, now: NIODeadline) {
        self.samples = TimerWheel(now: now, beat: .milliseconds(8))
        guard case .after(let time) = journal, time > .zero else {
            (self.journalDelay, self.journalAge) = (nil, .zero)
            return
        }
        let delay = max(time - .milliseconds(2), .nanoseconds(time.nanoseconds / 2))
        (self.journalDelay, self.journalAge) = (delay, .nanoseconds(delay.nanoseconds / 4))
    }

    /// Whether frames are journalled by age later than a receipt should have to wait.
    var journalsLate: Bool { self.journalDelay.map { $0 > Self.longestDelay } ?? true }

    /// The longest time that a receipt waits for an acknowledgement before its frames go to the store.
    var receiptDelay: TimeAmount { min(self.journalDelay ?? Self.longestDelay, Self.longestDelay) }

    /// The time at which the next connection is due; `nil` when none is.
    var next: NIODeadline? {
        guard let sample = self.samples.next else { return self.journalDue }
        return self.journalDue.map { min($0, sample) } ?? sample
    }

    // MARK: Samples

    /// Schedules a sample of `connection` at `due`.
    func sample(_ connection: TerminalConnection, at due: NIODeadline) {
        assert(!connection.isAwaitingSample)
        connection.isAwaitingSample = true
        self.samples.add(connection, due: due)
    }

    private func takeSamples(by now: NIODeadline, into due: inout [TerminalConnection]) {
        let first = due.count
        self.samples.takeDue(by: now + Self.slack, into: &due)
        for connection in due[first...] { connection.isAwaitingSample = false }
    }

    // MARK: Journal

    /// Records that `connection` has frames since `oldest` that are only in memory.
    func journal(_ connection: TerminalConnection, since oldest: NIODeadline) {
        guard let journalDelay, !connection.isAwaitingJournal else { return }
        connection.isAwaitingJournal = true
        self.unjournaled.append(connection)
        let due = oldest + journalDelay
        self.journalDue = self.journalDue.map { min($0, due) } ?? due
    }

    /// Removes all connections with frames that are only in memory, once the oldest of those frames is due.
    private func takeUnjournaled(by now: NIODeadline, into due: inout [TerminalConnection]) {
        guard let journalDue, journalDue <= now + min(Self.slack, self.journalAge) else { return }
        self.journalDue = nil
        for connection in self.unjournaled { connection.isAwaitingJournal = false }
        due += self.unjournaled
        self.unjournaled.removeAll(keepingCapacity: true)
    }

    // MARK: Both

    /// Removes the connections that are due and passes them to `body`: first those whose frames are journalled, then those that are
    /// sampled.
    ///
    /// - Parameter body: receives the connections, and the number of the first kind.
    func withDue(by now: NIODeadline, _ body: ([TerminalConnection], Int) -> Void) {
        var due: [TerminalConnection] = []
        swap(&due, &self.spare)
        self.takeUnjournaled(by: now, into: &due)
        let unjournaled = due.count
        self.takeSamples(by: now, into: &due)
        body(due, unjournaled)
        due.removeAll(keepingCapacity: true)
        swap(&due, &self.spare)
    }

    /// Calls `body` once with every connection that waits.
    func forEach(_ body: (TerminalConnection) -> Void) {
        self.samples.forEach(body)
        for connection in self.unjournaled where !connection.isAwaitingSample { body(connection) }
    }

    /// Whether all connections that wait satisfy `predicate`.
    func allSatisfy(_ predicate: (TerminalConnection) -> Bool) -> Bool {
        self.unjournaled.allSatisfy(predicate) && self.samples.allSatisfy { $0.isAwaitingJournal || predicate($0) }
    }

    /// Drops every reference to a connection, when the shard is released.
    func removeAll(now: NIODeadline) {
        self.samples = TimerWheel(now: now, beat: .milliseconds(8))
        self.unjournaled = []
        self.journalDue = nil
    }
}
