import NIOCore
import RelayCore
import TTMSProtocol

/// The connections of one shard that ended last.
///
/// Those that never had a terminal (refused at once, scanners, broken firmware) are remembered apart from the others, and fewer of
/// them. When there is no more room, a terminal or an address with more than its share loses its own oldest entries and not
/// others'. A flood from one place does not empty the history.
final class ClosedConnections {
    /// Connections with terminals that all shards together remember; about 3 MB.
    private static let capacity = 10_000
    /// Connections without a terminal that all shards together remember.
    private static let strangerCapacity = 1_000

    private var known: SharedHistory<HistoryKey, ClosedConnection>
    private var strangers: SharedHistory<HistoryKey, ClosedConnection>

    /// - Parameter shards: the number of shards that share the limits.
    init(shards: Int) {
        self.known = SharedHistory(limit: max(Self.capacity / max(shards, 1), 1))
        self.strangers = SharedHistory(limit: max(Self.strangerCapacity / max(shards, 1), 1))
    }

    func append(_ connection: ClosedConnection) {
        let address = HistoryKey.network(connection.remoteAddress.subnet)
        if let ccid = connection.ccids.first {
            self.known.append(connection, keys: [.terminal(ccid), address])
        } else {
            self.strangers.append(connection, keys: [address])
        }
    }

    /// All remembered connections, in no order.
    var all: [ClosedConnection] { self.known.all + self.strangers.all }
}

/// A terminal or network that may use no more than a share of a history.
enum HistoryKey: Hashable, Sendable {
    case terminal(CCID)
    /// An IPv4 address, or the IPv6 prefix of a site.
    case network(IPNetwork)
}

/// A connection that has ended, in about 150 bytes.
struct ClosedConnection: Sendable {
    var id: UInt64
    var remoteAddress: PeerAddress
    var listener: PeerAddress
    var openedAt: Timestamp
    var lastReceivedAt: Timestamp
    var closedAt: Timestamp
    var reason: CloseReason
    var unreadBytes = 0
    var dialect: LengthDialect?
    /// Some of the CCIDs that it had at its end.
    var ccids: [CCID]
    var ccidCount: Int
    var counters: ConnectionCounters
    /// The bytes that it sent instead of a frame.
    var foreign: ForeignBytes?

    /// The connection as operators see it.
    var snapshot: ConnectionSnapshot {
        ConnectionSnapshot(
            id: self.id,
            remoteAddress: self.remoteAddress,
            listener: self.listener,
            openedAt: self.openedAt,
            dialect: self.dialect,
            ccids: self.ccids,
            ccidCount: self.ccidCount,
            lastReceivedAt: self.lastReceivedAt,
            counters: self.counters,
            end: .init(
                at: self.closedAt,
                reason: self.reason,
                unreadBytes: self.unreadBytes,
                detail: self.foreign?.detail
            )
        )
    }
}

extension Shard {
    /// Remembers a connection that has ended.
    func remember(_ connection: TerminalConnection, _ reason: CloseReason, now: Timestamp) {
        var (ccids, ccidCount) = connection.session.shownCCIDs(ConnectionSnapshot.maximumCCIDs)
        // A superseded connection no longer holds a terminal.
        if ccidCount == 0, let source = connection.session.source { (ccids, ccidCount) = ([source], 1) }
        self.closedConnections.append(
            ClosedConnection(
                id: connection.id,
                remoteAddress: connection.addresses.remote,
                listener: connection.addresses.local,
                openedAt: connection.openedAt,
                lastReceivedAt: self.wallTime(of: connection.lastReceived, now: now),
                closedAt: now,
                reason: reason,
                unreadBytes: connection.unreadBytes,
                dialect: connection.parser.dialect,
                ccids: ccids,
                ccidCount: ccidCount,
                counters: connection.counters,
                foreign: connection.foreign
            )
        )
        if connection.refused != nil || ccids.isEmpty && !reason.isOfPeer {
            self.reportRejected(
                connection.id,
                connection.addresses.remote,
                reason,
                detail: connection.foreign?.detail,
                ccid: connection.refused,
                now: now
            )
        }
    }

    /// Remembers a connection that was closed as soon as it was accepted.
    func rejected(_ addresses: ConnectionAddresses, _ reason: CloseReason) {
        self.counters.countClosed(reason)
        let now = self.clock.now
        let connection = ClosedConnection(
            id: self.limiter.makeID(),
            remoteAddress: addresses.remote,
            listener: addresses.local,
            openedAt: now,
            lastReceivedAt: now,
            closedAt: now,
            reason: reason,
            ccids: [],
            ccidCount: 0,
            counters: ConnectionCounters()
        )
        self.closedConnections.append(connection)
        self.logRefused(connection.id, addresses, reason)
        self.reportRejected(connection.id, connection.remoteAddress, reason, ccid: nil, now: now)
    }

    /// The time by the wall clock.
    func wallTime(of time: NIODeadline, now: Timestamp) -> Timestamp {
        Timestamp(microseconds: now.microseconds - (self.eventLoop.now - time).nanoseconds / 1_000)
    }
}

extension CloseReason {
    /// Whether it names an act of the peer or the network, or the relay's stop.
    fileprivate var isOfPeer: Bool { self == .peerClosed || self == .connectionLost || self == .shutdown }
}
