import CMicroHTTPD
import Glibc
import RelayCore
import Synchronization

/// All connections of the admin API. It closes those whose client is too slow or gone, and reserves places for probes and for clients
/// with a token.
///
/// There are places for clients without a valid token, which anybody can take, and others for those with one. When there is none for
/// a new client, a connection of the address with the most connections is closed: the one that has been idle longest.
///
/// libmicrohttpd's own timer only measures silence, and closes the connection of a request that arrives at the timeout. The library
/// can also miss that a client is gone. It uses epoll's edges, and takes a read that does not fill its buffer for the last of an
/// edge.
///
/// A descriptor is registered only between the library's `opened` and `closed`, and is shut down under the same lock. A number that
/// has been assigned to another file meanwhile is therefore never touched.
final class ClientConnections: Sendable {
    private struct State {
        var connections: [Int32: ClientConnection] = [:]
        var evicted = 0
    }

    /// The limits of connections.
    let places: AdminPlaces
    private let limits: ClientConnection.Limits
    private let state = Mutex(State())

    init(timeout: Duration, places: AdminPlaces) {
        self.limits = ClientConnection.Limits(timeout: timeout)
        self.places = places
    }

    /// Registers a new connection.
    ///
    /// - Returns: whether another one was closed for it.
    func opened(_ descriptor: Int32, from address: String, now: ContinuousClock.Instant = .now) -> Bool {
        self.state.withLock { state in
            let count = state.connections.values.count { !$0.hasToken }
            let isFull = count >= self.places.withoutToken && Self.evict(&state) { !$0.hasToken }
            state.connections[descriptor] = ClientConnection(address: address, now: now)
            return isFull
        }
    }

    /// Removes a connection whose descriptor is about to be closed.
    func closed(_ descriptor: Int32) {
        _ = self.state.withLock { $0.connections.removeValue(forKey: descriptor) }
    }

    /// Records that the head of a request has been received.
    ///
    /// - Returns: `false` when all places for clients with a token are taken.
    func receivedHead(_ descriptor: Int32, withToken: Bool) -> Bool {
        self.state.withLock { state in
            let hadToken = state.connections[descriptor]?.hasToken ?? false
            if withToken, !hadToken, state.connections.values.count(where: \.hasToken) >= self.places.withToken {
                guard Self.evict(&state, where: { $0.hasToken && $0.rank == .idle }) else {
                    state.connections[descriptor]?.receivedHead(withToken: false)
                    return false
                }
            }
            state.connections[descriptor]?.receivedHead(withToken: withToken)
            return true
        }
    }

    /// Begins the client's turn to send a request. A client that has already sent its FIN is released when its requests are answered.
    func awaitRequest(_ descriptor: Int32) {
        self.begin(.request, descriptor)
        self.state.withLock { state in
            if state.connections.keys.contains(descriptor), ttms_has_ended(descriptor) { shutdown(descriptor, Int32(SHUT_RD)) }
        }
    }

    /// Records whose turn it is.
    func begin(_ turn: ClientConnection.Turn, _ descriptor: Int32) {
        self.state.withLock { state in
            guard turn == .request || state.connections[descriptor]?.turn != turn else { return }
            state.connections[descriptor]?.begin(turn, traffic: ClientTraffic(of: descriptor), now: .now)
        }
    }

    /// Shuts down connections that have exceeded their time, and gives the library another edge for each client that has sent its
    /// FIN. The library then reads the end of the stream, and closes it.
    func sweep(now: ContinuousClock.Instant) {
        self.state.withLock { state in
            for descriptor in Array(state.connections.keys) {
                let traffic = ClientTraffic(of: descriptor)
                guard var connection = state.connections[descriptor] else { continue }
                if connection.isOver(traffic, limits: self.limits, now: now) {
                    Self.shutDown(descriptor, &state)
                } else {
                    state.connections[descriptor] = connection
                    // Only this direction is ended: bytes before the FIN can still be read, and answers can be sent.
                    if connection.turn == .request, ttms_has_ended(descriptor) { shutdown(descriptor, Int32(SHUT_RD)) }
                }
            }
        }
    }

    /// The end of the client of a continuous answer.
    enum End: Equatable {
        /// It sends no more, but may still read.
        case half
        /// It is gone, and its connection has been shut down.
        case whole
    }

    /// Whether the client of a continuous answer has ended its side, or both.
    func end(of descriptor: Int32) -> End? {
        self.state.withLock { state in
            guard state.connections.keys.contains(descriptor) else { return .whole }
            if ttms_is_broken(descriptor) {
                shutdown(descriptor, Int32(SHUT_RDWR))
                return .whole
            }
            return ttms_has_ended(descriptor) ? .half : nil
        }
    }

    /// The metrics of the connections.
    var metrics: [MetricFamily] {
        let (strangers, known, evicted) = self.state.withLock { state in
            let known = state.connections.values.count(where: \.hasToken)
            return (state.connections.count - known, known, state.evicted)
        }
        let label = { (token: Bool) in MetricFamily.Label("token", token ? "true" : "false") }
        return [
            MetricFamily(
                "ttms_admin_connections",
                .gauge,
                help: "Connections to the admin API, by whether a valid token came over them.",
                samples: [
                    .init(Double(strangers), labels: [label(false)]), .init(Double(known), labels: [label(true)]),
                ]
            ),
            MetricFamily(
                "ttms_admin_connections_limit",
                .gauge,
                help: "The limit of connections to the admin API, by whether a valid token came over them.",
                samples: [
                    .init(Double(self.places.withoutToken), labels: [label(false)]),
                    .init(Double(self.places.withToken), labels: [label(true)]),
                ]
            ),
            MetricFamily(
                "ttms_admin_connections_evicted_total",
                .counter,
                help: "Idle connections to the admin API that were closed to make room for others.",
                value: evicted
            ),
        ]
    }

    /// Closes one of the connections that satisfy `isOne`; `false` when none of them can be closed.
    private static func evict(_ state: inout State, where isOne: (ClientConnection) -> Bool) -> Bool {
        let candidates = state.connections.filter { isOne($0.value) && $0.value.rank != nil }
        guard let lowest = candidates.values.compactMap(\.rank).min() else { return false }
        let ranked = candidates.filter { $0.value.rank == lowest }
        let shares = Dictionary(ranked.values.map { ($0.address, 1) }, uniquingKeysWith: +)
        let largest = shares.values.max() ?? 0
        let victim = ranked.filter { shares[$0.value.address] == largest }.min { $0.value.since < $1.value.since }
        guard let victim else { return false }
        Self.shutDown(victim.key, &state)
        state.evicted += 1
        return true
    }

    private static func shutDown(_ descriptor: Int32, _ state: inout State) {
        shutdown(descriptor, Int32(SHUT_RDWR))
        // Its place is free, although the library has not closed it yet.
        state.connections.removeValue(forKey: descriptor)
    }
}
