import Logging
import NIOCore
import RelayCore
import TTMSProtocol

/// The limit on log lines for single closed connections: scanners, or a network that fails, would otherwise fill the disk.
final class ClosureLog {
    /// Lines for one reason after a quiet time.
    static let burst = 20
    /// The interval at which another line is allowed for a reason.
    static let interval = TimeAmount.seconds(3)
    /// The shortest time between two summaries of connections that were not logged.
    static let summaryInterval = TimeAmount.seconds(10)

    /// The connections that were not logged singly.
    struct Summary: Equatable {
        /// Connections by reason, those with the most first.
        var reasons: [(reason: CloseReason, connections: UInt64)]
        /// The address of one of them.
        var example: PeerAddress

        var connections: UInt64 { self.reasons.reduce(0) { $0 + $1.connections } }

        static func == (left: Summary, right: Summary) -> Bool {
            left.example == right.example && left.reasons.elementsEqual(right.reasons) { $0 == $1 }
        }
    }

    private static let rate = TokenBucket.Rate(burst: ClosureLog.burst, interval: ClosureLog.interval)

    /// The reasons' buckets.
    private var buckets: [CloseReason: TokenBucket] = [:]
    private var held: [CloseReason: UInt64] = [:]
    private var example = PeerAddress(nil)
    private var summarisedAt = NIODeadline.distantPast

    /// Counts a connection that has ended.
    ///
    /// - Returns: whether it is logged singly; otherwise the next summary counts it.
    func admits(_ reason: CloseReason, _ address: PeerAddress, now: NIODeadline) -> Bool {
        if self.buckets[reason, default: TokenBucket(now: now)].takeIfDue(now: now, Self.rate) { return true }
        self.held[reason, default: 0] += 1
        self.example = address
        return false
    }

    /// The connections that have not been logged since the last summary; `nil` while there are none, or the last one is too young.
    func takeSummary(now: NIODeadline) -> Summary? {
        guard !self.held.isEmpty, now - Self.summaryInterval >= self.summarisedAt else { return nil }
        self.summarisedAt = now
        let reasons = self.held.sorted { ($1.value, $0.key.rawValue) < ($0.value, $1.key.rawValue) }
        self.held = [:]
        return Summary(reasons: reasons.map { ($0.key, $0.value) }, example: self.example)
    }
}

extension Shard {
    /// The maximum number of CCIDs in one line.
    private static let loggedCCIDs = 8

    /// Logs the end of a connection. An ordinary end is logged at debug level only.
    func log(_ connection: TerminalConnection, _ reason: CloseReason) {
        let isOrdinary = reason == .peerClosed || reason == .shutdown
        guard
            isOrdinary
                ? self.logger.logLevel <= .debug
                : self.closureLog.admits(reason, connection.addresses.remote, now: self.tickTime)
        else { return }
        var metadata: Logger.Metadata = [
            "connection": "\(connection.id)", "reason": "\(reason.rawValue)", "remote": "\(connection.addresses.remote)",
            "ccids": "\(self.loggedCCIDs(of: connection))",
        ]
        if let foreign = connection.foreign {
            metadata["first_bytes"] = "\(foreign.shown)"
            if let guess = foreign.guess { metadata["looks_like"] = "\(guess)" }
        }
        if connection.unreadBytes > 0 { metadata["unread_bytes"] = "\(connection.unreadBytes)" }
        self.logger.log(level: isOrdinary ? .debug : .info, "A connection was closed", metadata: metadata)
    }

    private func loggedCCIDs(of connection: TerminalConnection) -> String {
        // A superseded connection no longer holds a terminal, and a blocked one never held the one for which it is closed.
        if let refused = connection.refused { return refused.description }
        let (ccids, count) = connection.session.shownCCIDs(Self.loggedCCIDs)
        guard count > 0 else { return connection.session.source?.description ?? "" }
        let text = ccids.map(\.description).joined(separator: ",")
        return count > ccids.count ? "\(text) and \(count - ccids.count) more" : text
    }

    /// Logs a connection that was closed as soon as it was accepted.
    func logRefused(_ id: UInt64, _ addresses: ConnectionAddresses, _ reason: CloseReason) {
        guard reason != .shutdown, self.closureLog.admits(reason, addresses.remote, now: self.tickTime) else { return }
        var metadata: Logger.Metadata = [
            "connection": "\(id)", "reason": "\(reason.rawValue)", "remote": "\(addresses.remote)",
            "listener": "\(addresses.local)",
        ]
        if reason == .tooManyConnections { metadata["advice"] = "\(self.limiter.advice)" }
        let level: Logger.Level = reason == .tooManyConnections ? .warning : .info
        self.logger.log(level: level, "A connection was refused", metadata: metadata)
    }

    /// Logs the number of connections that have ended without a line of their own. Called often.
    func logClosures() {
        guard let summary = self.closureLog.takeSummary(now: self.eventLoop.now) else { return }
        self.logger.info(
            "More connections were closed or refused, and not logged singly",
            metadata: [
                "connections": "\(summary.connections)",
                "reasons": "\(summary.reasons.map { "\($0.reason.rawValue)=\($0.connections)" }.joined(separator: " "))",
                "latest_remote": "\(summary.example)",
            ]
        )
    }
}
