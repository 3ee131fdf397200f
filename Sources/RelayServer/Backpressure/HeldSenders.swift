import NIOCore
import TTMSProtocol

/// A connection that is not read from because there is no room for the next frame on it.
struct HeldBack {
    var connection: TerminalConnection
    /// The terminal that the frame is for.
    var destination: CCID
}

/// The senders of one event loop that are not read from. The store is behind with their frames, or has no room for the next one.
final class HeldSenders {
    /// The interval between two searches for room while none was released: a destination may have become live.
    private static let searchInterval = TimeAmount.milliseconds(20)
    /// The time without held-back senders after which the log reports their end: senders at a cap resume and stop many times a
    /// second.
    private static let reportPatience = TimeAmount.seconds(10)

    /// A change that is logged.
    enum Report {
        case began(HeldBack, connections: Int)
        case ended
    }

    private var paused = PausedSenders()
    /// By the connections' ids.
    private var heldBack: [UInt64: HeldBack] = [:]
    /// The time of the last search for room, and the number of releases of room by then.
    private var searched = (time: NIODeadline.uptimeNanoseconds(0), releases: UInt64(0))
    /// The time at which a sender was last held back; `nil` when the log states that none is.
    private var reported: NIODeadline?

    /// Senders that wait because the store is behind.
    var pausedCount: Int { self.paused.count }
    /// Senders that wait for room.
    var heldBackCount: Int { self.heldBack.count }
    var isEmpty: Bool { self.paused.isEmpty && self.heldBack.isEmpty }

    // MARK: The store is behind

    /// Adds `connection`, which is not read from until the store is less behind.
    func pause(_ connection: TerminalConnection) {
        assert(connection.isPaused(for: .store))
        self.paused.append(connection)
    }

    /// Removes the one that was paused first.
    func takePaused() -> TerminalConnection? { self.paused.popFirst() }

    // MARK: No room

    /// Adds `connection`, which is not read from until there is room for a frame for `destination`.
    func holdBack(_ connection: TerminalConnection, for destination: CCID) {
        assert(connection.isPaused(for: .full))
        self.heldBack[connection.id] = HeldBack(connection: connection, destination: destination)
    }

    /// Whether room should be searched for now, because some was released or the interval is over. Thousands can be held back.
    ///
    /// - Parameter releases: the number of releases of room until now.
    func beginSearch(releases: UInt64, now: NIODeadline) -> Bool {
        guard !self.heldBack.isEmpty else { return false }
        guard releases != self.searched.releases || now - self.searched.time >= Self.searchInterval else { return false }
        self.searched = (now, releases)
        return true
    }

    /// The ids of held-back connections for whose frames there is room.
    func withRoom(_ hasRoom: (CCID) -> Bool) -> [UInt64] {
        self.heldBack.filter { hasRoom($0.value.destination) }.map(\.key)
    }

    /// The terminal for whose frame a connection waits; `nil` when it does not wait.
    func destination(of id: UInt64) -> CCID? { self.heldBack[id]?.destination }

    /// Removes a connection; `nil` when it is no longer held back.
    func takeHeldBack(_ id: UInt64) -> TerminalConnection? {
        self.heldBack.removeValue(forKey: id)?.connection
    }

    // MARK: Both

    /// Removes `connection`, which has ended.
    func remove(_ connection: TerminalConnection) {
        self.paused.remove(connection)
        self.heldBack[connection.id] = nil
    }

    /// The change that has to be logged, if any. Called several times a second.
    func report(now: NIODeadline) -> Report? {
        if let held = self.heldBack.values.first {
            defer { self.reported = now }
            return self.reported == nil ? .began(held, connections: self.heldBack.count) : nil
        }
        guard let latest = self.reported, now - latest >= Self.reportPatience else { return nil }
        self.reported = nil
        return .ended
    }

    /// Drops every reference to a connection, when the shard is released.
    func removeAll() {
        self.paused = PausedSenders()
        self.heldBack = [:]
    }
}
