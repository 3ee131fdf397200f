import NIOCore
import RelayCore
import TTMSProtocol

/// A terminal on its event loop: its mailbox, its connection while it has one, and the data that operators see.
///
/// `@unchecked Sendable` because it can move to another shard (``Handover``). It is confined to the event loop of its shard; during
/// a move only the message refers to it. The hot path reads `live`, which is set exactly while the mailbox is live.
final class Terminal: @unchecked Sendable {
    let ccid: CCID
    /// Publishes to other event loops whether it is live; `nil` when there are none.
    private let liveTerminals: LiveTerminals?
    private(set) var mailbox: Mailbox
    /// The connection that the terminal registered on last.
    private(set) var connection: TerminalConnection?
    /// The connection while frames go straight to it.
    private(set) var live: Unmanaged<TerminalConnection>?
    /// Whether it is fed from disk because it reads too slowly, and its connection counts it.
    private var isSpilled = false
    /// The number of the registration that brought the connection.
    private(set) var registration: UInt64 = 0
    /// Whether frames of this shard wait (``Handover``, invariant 4), so that none goes straight to the connection.
    var isSyncing = false {
        didSet { self.updateLive() }
    }
    /// Frames that wait for the store's answer (``Mailbox/Mode/catchingUp``).
    var held = AppendBatch()

    var counters = TerminalCounters()
    private(set) var since: Timestamp?
    var lastHeartbeatAt: Timestamp?
    private(set) var lastCloseReason: CloseReason?
    var cadence = HeartbeatCadence()
    private(set) var history = ConnectionHistory()

    init(ccid: CCID, isWriteThrough: Bool = false, liveTerminals: LiveTerminals? = nil) {
        self.ccid = ccid
        self.liveTerminals = liveTerminals
        self.mailbox = Mailbox(isWriteThrough: isWriteThrough)
    }

    /// Whether its connection is open: a closed one may not have been detached yet (``LeavingTerminals``).
    var isOnline: Bool { self.connection.map { $0.closeReason == nil } ?? false }

    /// Whether it has had no connection since it became known here.
    var isNew: Bool { self.registration == 0 }

    /// Passes an event to the mailbox, and updates `live`.
    @discardableResult
    func update<Result>(_ body: (inout Mailbox) -> Result) -> Result {
        defer { self.updateLive() }
        return body(&self.mailbox)
    }

    private func updateLive() {
        let isLive = self.mailbox.mode == .live && !self.isSyncing
        let live = isLive ? self.connection.map(Unmanaged.passUnretained) : nil
        if (live == nil) != (self.live == nil) { self.liveTerminals?.note(self.ccid, isLive: live != nil) }
        self.live = live
        // A terminal with write-through is always draining.
        let isSpilled = self.connection != nil && self.mailbox.mode == .draining && !self.mailbox.isWriteThrough
        if isSpilled != self.isSpilled {
            self.isSpilled = isSpilled
            self.connection?.spilledTerminals += isSpilled ? 1 : -1
        }
    }

    func attach(_ connection: TerminalConnection, registration: UInt64, storeIsEmpty: Bool, now: Timestamp) {
        self.connection = connection
        self.registration = registration
        self.since = now
        self.counters.connections += 1
        self.update { $0.attached(storeIsEmpty: storeIsEmpty) }
    }

    func detach(reason: CloseReason, now: Timestamp) {
        if let connection {
            self.history.append(
                ConnectionHistory.Entry(
                    connection: connection.id,
                    remoteAddress: connection.addresses.remote,
                    registeredAt: self.since ?? now,
                    endedAt: now,
                    counters: ConnectionCounters(self.counters),
                    reason: reason
                )
            )
        }
        if self.isSpilled { self.connection?.spilledTerminals -= 1 }
        self.isSpilled = false
        self.connection = nil
        self.cadence.disconnected()
        self.since = now
        self.lastCloseReason = reason
        self.update { $0.detached() }
    }

    /// Records a heartbeat of the terminal.
    ///
    /// - Returns: whether it ends a time in which the terminal was reported late.
    func heartbeat(now: Timestamp, tick: NIODeadline) -> Bool {
        self.counters.heartbeats += 1
        self.lastHeartbeatAt = now
        return self.cadence.heartbeat(now: tick, frames: self.counters.frames)
    }

    /// Takes the held frames.
    func takeHeld() -> AppendBatch {
        defer { self.held = AppendBatch() }
        return self.held
    }

    /// Whether forgetting the terminal loses nothing but the data that operators see.
    var isForgettable: Bool {
        self.connection == nil && self.mailbox.isSettled && self.held.isEmpty
    }
}
