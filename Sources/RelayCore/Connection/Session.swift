import NIOCore
import TTMSProtocol

/// One connection's life as decisions: who it is, what it may do, when it has been silent for too long.
///
/// Pure; time is an argument. States: *unregistered* (no CCID held, none ever was), *registered* (at least one CCID held), and
/// *superseded* (the last one was taken over), in which nothing more is asked of it.
public struct Session: Sendable {
    /// The sender of its data: the address of its latest heartbeat; `nil` before the first.
    public private(set) var source: CCID?
    /// The first CCID that it holds: most connections never hold another, and own no array.
    private var first: CCID?
    private var others = CCIDList()

    /// Makes the session of a connection that has just been accepted.
    public init() {}

    /// The CCIDs that reach this connection.
    public var ccids: [CCID] {
        guard let first else { return [] }
        return self.others.isEmpty ? [first] : [first] + self.others.all
    }

    /// Some of the CCIDs that reach this connection, at most `limit`, and how many there are: whatever their number, this takes no longer.
    public func shownCCIDs(_ limit: Int) -> (ccids: [CCID], count: Int) {
        guard let first, limit > 0 else { return ([], self.count) }
        return ([first] + self.others.all.prefix(limit - 1), self.count)
    }

    /// How many CCIDs reach this connection.
    public var count: Int { self.first == nil ? 0 : 1 + self.others.count }

    /// What to do about a heartbeat.
    public enum HeartbeatAction: Equatable, Sendable {
        /// The address is this connection's: answer.
        case reply
        /// The address is new on this connection: answer, and make it the one that the address reaches.
        case replyAndRegister
        /// Close the connection.
        case close(CloseReason)
    }

    /// A heartbeat of `ccid` came.
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
        self.others.append(ccid)
        self.source = ccid
        return .replyAndRegister
    }

    /// What to do about a frame whose command is neither heartbeat nor data; `nil` to ignore it.
    public func unknownCommandReceived(options: SessionOptions) -> CloseReason? {
        switch options.unknownCommand {
        case .close: .unknownCommand
        case .ignore: nil
        }
    }

    /// Another connection has taken `ccid` over.
    ///
    /// - Returns: why to close this one; `nil` when it still holds another CCID.
    public mutating func superseded(_ ccid: CCID) -> CloseReason? {
        if self.first == ccid {
            self.first = self.others.popLast()
        } else {
            self.others.remove(ccid)
        }
        return self.first == nil ? .superseded : nil
    }

    /// Why to close a connection that has been silent since `lastReceived`; `nil` to leave it open.
    ///
    /// - Parameters:
    ///   - lastReceived: when bytes came last; for a connection without a heartbeat, when it was accepted.
    ///   - unfinishedSince: when the first byte of a frame came whose rest has not come; `nil` when there is none.
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

    /// Whether `ccid` reaches this connection.
    public func holds(_ ccid: CCID) -> Bool {
        self.first == ccid || self.others.contains(ccid)
    }
}
