import NIOCore
import RelayCore
import TTMSProtocol

/// The connections of one shard that ended last.
///
/// Those that never had a terminal (refused at once, scanners, broken firmware) are remembered apart from the others, and fewer of
/// them: a flood of them does not wash away what happened to terminals.
struct ClosedConnections {
    /// Connections with terminals that all shards together remember; 1.6 MB.
    private static let capacity = 10_000
    /// Connections without a terminal that all shards together remember.
    private static let strangerCapacity = 1_000

    private let limit: Int
    private let strangerLimit: Int
    private var known = CircularBuffer<ClosedConnection>(initialCapacity: 0)
    private var strangers = CircularBuffer<ClosedConnection>(initialCapacity: 0)

    /// - Parameter shards: how many share the limits.
    init(shards: Int) {
        self.limit = max(Self.capacity / max(shards, 1), 1)
        self.strangerLimit = max(Self.strangerCapacity / max(shards, 1), 1)
    }

    mutating func append(_ connection: ClosedConnection) {
        if connection.ccids.isEmpty {
            if self.strangers.count >= self.strangerLimit { self.strangers.removeFirst() }
            self.strangers.append(connection)
        } else {
            if self.known.count >= self.limit { self.known.removeFirst() }
            self.known.append(connection)
        }
    }

    /// All of them, in no order.
    var all: [ClosedConnection] { Array(self.known) + Array(self.strangers) }
}

/// A connection that has ended, in some 150 bytes.
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

    /// As operators see it.
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
            end: .init(at: self.closedAt, reason: self.reason, unreadBytes: self.unreadBytes)
        )
    }
}

extension Shard {
    /// Remembers a connection that has ended.
    func remember(_ connection: TerminalConnection, _ reason: CloseReason, now: Timestamp) {
        // One that was superseded holds none any more.
        let held = connection.session.ccids
        let ccids = held.isEmpty ? connection.session.source.map { [$0] } ?? [] : held
        let remoteAddress = PeerAddress(connection.channel.remoteAddress)
        self.closedConnections.append(
            ClosedConnection(
                id: connection.id,
                remoteAddress: remoteAddress,
                listener: PeerAddress(connection.channel.localAddress),
                openedAt: connection.openedAt,
                lastReceivedAt: self.wallTime(of: connection.lastReceived, now: now),
                closedAt: now,
                reason: reason,
                unreadBytes: connection.unreadBytes,
                dialect: connection.parser.dialect,
                ccids: Array(ccids.prefix(ConnectionSnapshot.maximumCCIDs)),
                ccidCount: ccids.count,
                counters: connection.counters
            )
        )
        if connection.refused != nil || ccids.isEmpty && !reason.isOfPeer {
            self.reportRejected(connection.id, remoteAddress, reason, ccid: connection.refused, now: now)
        }
    }

    /// Remembers a connection that was closed as soon as it was accepted.
    func rejected(_ channel: any Channel, _ reason: CloseReason) {
        let now = self.clock.now
        let connection = ClosedConnection(
            id: self.limiter.makeID(),
            remoteAddress: PeerAddress(channel.remoteAddress),
            listener: PeerAddress(channel.localAddress),
            openedAt: now,
            lastReceivedAt: now,
            closedAt: now,
            reason: reason,
            ccids: [],
            ccidCount: 0,
            counters: ConnectionCounters()
        )
        self.closedConnections.append(connection)
        self.reportRejected(connection.id, connection.remoteAddress, reason, ccid: nil, now: now)
    }

    /// When something was by the wall clock.
    func wallTime(of time: NIODeadline, now: Timestamp) -> Timestamp {
        Timestamp(microseconds: now.microseconds - (self.eventLoop.now - time).nanoseconds / 1_000)
    }
}

extension CloseReason {
    /// Whether it says what the peer or the network did, and not that the relay sent it away.
    fileprivate var isOfPeer: Bool { self == .peerClosed || self == .connectionLost || self == .shutdown }
}
