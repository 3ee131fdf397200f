import CMicroHTTPD
import Glibc
import RelayCore
import Synchronization

/// All connections of the admin API: ends those whose client takes too long or has gone, and keeps places for probes and for those who
/// have a token.
///
/// There are places for clients that have shown no token, which anybody can take, and others for those that have shown one. A newcomer
/// for whom there is no place takes that of the client that has been idle for longest, of the address with the most connections.
///
/// libmicrohttpd's own timer sees silence only, and closes the connection of a request that arrives when it is over. And the library
/// can miss that a client is gone: it asks epoll for edges, and takes a read that does not fill its buffer for the last of an edge.
///
/// A descriptor is known here only between the library's `opened` and `closed`, and it is shut down under the same lock, so a
/// number that has been given to another file meanwhile is never touched.
final class ClientConnections: Sendable {
    private struct State {
        var connections: [Int32: ClientConnection] = [:]
        var evicted = 0
    }

    /// How many there may be.
    let places: AdminPlaces
    private let limits: ClientConnection.Limits
    private let state = Mutex(State())

    init(timeout: Duration, places: AdminPlaces) {
        self.limits = ClientConnection.Limits(timeout: timeout)
        self.places = places
    }

    /// A client has connected.
    ///
    /// - Returns: whether another one had to go for its sake.
    func opened(_ descriptor: Int32, from address: String, now: ContinuousClock.Instant = .now) -> Bool {
        self.state.withLock { state in
            let count = state.connections.values.count { !$0.hasToken }
            let isFull = count >= self.places.withoutToken && Self.evict(&state) { !$0.hasToken }
            state.connections[descriptor] = ClientConnection(address: address, now: now)
            return isFull
        }
    }

    /// The descriptor is about to be closed.
    func closed(_ descriptor: Int32) {
        _ = self.state.withLock { $0.connections.removeValue(forKey: descriptor) }
    }

    /// The head of a request is there.
    ///
    /// - Returns: `false` when there are so many clients with a token that no place is left for this one.
    func asked(_ descriptor: Int32, withToken: Bool) -> Bool {
        self.state.withLock { state in
            let hadToken = state.connections[descriptor]?.hasToken ?? false
            if withToken, !hadToken, state.connections.values.count(where: \.hasToken) >= self.places.withToken {
                guard Self.evict(&state, where: { $0.hasToken && $0.rank == .idle }) else {
                    state.connections[descriptor]?.asked(withToken: false)
                    return false
                }
            }
            state.connections[descriptor]?.asked(withToken: withToken)
            return true
        }
    }

    /// It is the client's turn to send a request. One that has sent its FIN already is let go once its requests are answered.
    func awaitRequest(_ descriptor: Int32) {
        self.begin(.request, descriptor)
        self.state.withLock { state in
            if state.connections.keys.contains(descriptor), ttms_has_ended(descriptor) { shutdown(descriptor, Int32(SHUT_RD)) }
        }
    }

    /// It is another's turn.
    func begin(_ turn: ClientConnection.Turn, _ descriptor: Int32) {
        self.state.withLock { state in
            guard turn == .request || state.connections[descriptor]?.turn != turn else { return }
            state.connections[descriptor]?.begin(turn, traffic: ClientTraffic(of: descriptor), now: .now)
        }
    }

    /// Shuts down what is over its time, and gives the library another edge for each client that has sent its FIN: it then sees the
    /// end of the stream, and closes it.
    func sweep(now: ContinuousClock.Instant) {
        self.state.withLock { state in
            for descriptor in Array(state.connections.keys) {
                let traffic = ClientTraffic(of: descriptor)
                guard var connection = state.connections[descriptor] else { continue }
                if connection.isOver(traffic, limits: self.limits, now: now) {
                    Self.shutDown(descriptor, &state)
                } else {
                    state.connections[descriptor] = connection
                    // That direction is over: what came before the FIN can still be read, and answers can be sent.
                    if connection.turn == .request, ttms_has_ended(descriptor) { shutdown(descriptor, Int32(SHUT_RD)) }
                }
            }
        }
    }

    /// What has become of the client of an answer that goes on.
    enum End: Equatable {
        /// It sends nothing more, and may read still.
        case half
        /// It has gone, and its connection has been shut down.
        case whole
    }

    /// Whether the client of an answer that goes on has ended its side, or both.
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

    /// What monitoring sees of them.
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
                help: "Connections to the admin API, by whether a token in force came over them.",
                samples: [
                    .init(Double(strangers), labels: [label(false)]), .init(Double(known), labels: [label(true)]),
                ]
            ),
            MetricFamily(
                "ttms_admin_connections_limit",
                .gauge,
                help: "Connections to the admin API that there may be, by whether a token in force came over them.",
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

    /// Closes one of those that `isOne` holds for; `false` when none of them can be.
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
        // Until the library closes it, it has no place any more.
        state.connections.removeValue(forKey: descriptor)
    }
}
