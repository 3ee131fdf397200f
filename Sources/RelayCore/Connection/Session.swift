import NIOCore
import TTMSProtocol

/// Registrations and timeouts of one connection, as decisions without I/O.
///
/// Pure; time is an argument. States: *unregistered* (no CCID registered yet), *registered* (at least one CCID), and *superseded*
/// (the last CCID was taken over), which is final.
public struct Session: Sendable {
    /// Source of its data frames: the CCID of its latest heartbeat; `nil` before the first.
    public private(set) var source: CCID?
    /// First of its CCIDs. Most connections have no other, and own no array.
    private var first: CCID?
    private var others = CCIDList()

    /// Makes the session of a connection that has just been accepted.
    public init() {}

    /// CCIDs registered on this connection.
    public var ccids: [CCID] {
        guard let first else { return [] }
        return self.others.isEmpty ? [first] : [first] + self.others.all
    }

    /// Returns at most `limit` CCIDs registered on this connection, and the number of all. The time is bounded by `limit`.
    public func shownCCIDs(_ limit: Int) -> (ccids: [CCID], count: Int) {
        guard let first, limit > 0 else { return ([], self.count) }
        return ([first] + self.others.all.prefix(limit - 1), self.count)
    }

    /// Number of CCIDs registered on this connection.
    public var count: Int { self.first == nil ? 0 : 1 + self.others.count }

    /// Action after a heartbeat.
    public enum HeartbeatAction: Equatable, Sendable {
        /// The CCID is registered on this connection: reply.
        case reply
        /// The CCID is new on this connection: reply, and register the connection for it.
        case replyAndRegister
        /// Close the connection.
        case close(CloseReason)
    }

    /// Records a heartbeat of `ccid`.
    public mutating func heartbeatReceived(from ccid: CCID, options: SessionOptions) -> HeartbeatAction {
        if self.holds(ccid) {
            self.source = ccid
            return .reply
        }
        guard self.first != nil else {
            self.first = ccid
            self.source = ccid
            return .replyAndRegister
        }
        guard self.others.count + 1 < options.maximumCCIDs else { return .close(.tooManyCCIDs) }
        assert(self.first != ccid, "the first CCID is in no list")
        self.others.append(ccid)
        self.source = ccid
        return .replyAndRegister
    }

    /// Returns the reason to close after a frame whose command is neither heartbeat nor data; `nil` to ignore it.
    public func unknownCommandReceived(options: SessionOptions) -> CloseReason? {
        switch options.unknownCommand {
        case .close: .unknownCommand
        case .ignore: nil
        }
    }

    /// Records that another connection has taken `ccid` over.
    ///
    /// - Returns: the reason to close this connection; `nil` while another CCID is registered on it.
    public mutating func superseded(_ ccid: CCID) -> CloseReason? {
        if self.first == ccid {
            self.first = self.others.popLast()
        } else {
            self.others.remove(ccid)
        }
        assert(self.first != nil || self.others.isEmpty, "other CCIDs without a first")
        return self.first == nil ? .superseded : nil
    }

    /// Returns the reason to close a connection that has been silent since `lastReceived`; `nil` to leave it open.
    ///
    /// - Parameters:
    ///   - lastReceived: time of the last received bytes; for a connection without a heartbeat, of its accept.
    ///   - unfinishedSince: time at which the first byte of an unfinished frame arrived; `nil` when there is none.
    public func timeoutReached(
        lastReceived: NIODeadline,
        unfinishedSince: NIODeadline? = nil,
        now: NIODeadline,
        options: SessionOptions
    ) -> CloseReason? {
        let (limit, reason) =
            self.source == nil
            ? (options.registrationTimeout, CloseReason.registrationTimeout) : (options.idleTimeout, .idleTimeout)
        if limit > .zero, now - lastReceived >= limit { return reason }
        guard self.source != nil, options.frameTimeout > .zero, let unfinishedSince else { return nil }
        return now - unfinishedSince >= options.frameTimeout ? .unfinishedFrame : nil
    }

    /// Whether `ccid` is registered on this connection.
    public func holds(_ ccid: CCID) -> Bool {
        self.first == ccid || self.others.contains(ccid)
    }
}
