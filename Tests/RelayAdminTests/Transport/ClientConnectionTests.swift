import Glibc
import Testing

@testable import RelayAdmin

/// How long a client may take, and whose place a newcomer gets.
@Suite struct ClientConnectionTests {
    private static let limits = ClientConnection.Limits(timeout: .seconds(30))
    private static let start = ContinuousClock.now

    /// Looks at a connection each second with what `traffic` says, and returns the second at which it is over.
    private static func end(
        of connection: ClientConnection,
        within seconds: Int = 1_000,
        _ traffic: (Int) -> ClientTraffic
    ) -> Int? {
        var connection = connection
        return (0...seconds).first { second in
            connection.isOver(traffic(second), limits: self.limits, now: self.start + .seconds(second))
        }
    }

    private static func connection(_ turn: ClientConnection.Turn = .request) -> ClientConnection {
        var connection = ClientConnection(address: "192.0.2.1", now: self.start)
        connection.begin(turn, traffic: ClientTraffic(), now: self.start)
        return connection
    }

    @Test("a client that sends nothing has some seconds more than it is told")
    func silent() {
        #expect(Self.end(of: Self.connection()) { _ in ClientTraffic() } == 35)
    }

    @Test("the time for a request begins with its first byte, and each kilobyte begins it anew")
    func request() {
        #expect(Self.end(of: Self.connection()) { ClientTraffic(received: $0 < 34 ? 0 : 100) } == 64)
        #expect(Self.end(of: Self.connection()) { ClientTraffic(received: UInt64($0) * 50) } == nil)
        // One byte now and then is no progress.
        #expect(Self.end(of: Self.connection()) { ClientTraffic(received: UInt64($0)) } == 31)
    }

    @Test("an answer takes as long as its client goes on reading")
    func answer() {
        let connection = Self.connection(.answer)
        #expect(Self.end(of: connection) { ClientTraffic(acknowledged: UInt64($0) * 80_000, isOutstanding: true) } == nil)
        let stops = Self.end(of: connection) { ClientTraffic(acknowledged: UInt64(min($0, 100)) * 80_000, isOutstanding: true) }
        #expect(stops == 130)
        #expect(Self.end(of: connection) { _ in ClientTraffic(isOutstanding: true) } == 30)
    }

    @Test("a client that still reads the answer before is not idle")
    func rest() {
        let end = Self.end(of: Self.connection()) { second in
            ClientTraffic(acknowledged: UInt64(min(second, 100)) * 1_000, isOutstanding: second < 100)
        }
        #expect(end == 134)
    }

    @Test("the relay's own time is not the client's")
    func relay() {
        #expect(Self.end(of: Self.connection(.relay)) { _ in ClientTraffic() } == nil)
    }

    @Test("a client that has nothing to read may wait, and one that does not acknowledge has gone")
    func silence() {
        #expect(Self.end(of: Self.connection(.silence)) { _ in ClientTraffic() } == nil)
        #expect(Self.end(of: Self.connection(.silence)) { ClientTraffic(isOutstanding: $0 >= 100) } == 129)
    }

    // MARK: Places

    /// Two ends of a stream.
    private final class Pair {
        let relay: Int32
        let client: Int32

        init() throws {
            var ends: [Int32] = [-1, -1]
            try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0, &ends) == 0)
            (self.relay, self.client) = (ends[0], ends[1])
        }

        deinit {
            for descriptor in [self.relay, self.client] { close(descriptor) }
        }

        func send(_ text: String) -> Bool {
            Glibc.send(self.client, text, text.utf8.count, Int32(MSG_NOSIGNAL)) == text.utf8.count
        }

        /// What the relay's side has received; empty at the end, `nil` when there is nothing (yet).
        var received: String? {
            var bytes = [UInt8](repeating: 0, count: 100)
            let count = recv(self.relay, &bytes, bytes.count, 0)
            return count < 0 ? nil : String(decoding: bytes.prefix(count), as: UTF8.self)
        }

        /// Whether the relay has shut it down.
        var isShutDown: Bool { self.received == "" }
    }

    private static func connections(_ count: Int) -> ClientConnections {
        ClientConnections(timeout: .seconds(600), places: AdminPlaces(connections: count))
    }

    @Test("takes the bytes before a FIN not away")
    func halfClosed() throws {
        let pair = try Pair()
        let connections = Self.connections(8)
        #expect(!connections.opened(pair.relay, from: "192.0.2.1"))
        #expect(pair.send("GET /"))
        shutdown(pair.client, Int32(SHUT_WR))
        connections.sweep(now: .now)
        #expect(pair.received == "GET /")
        #expect(pair.received == "")
    }

    @Test("does not touch a descriptor that is another's by now")
    func closed() throws {
        let pair = try Pair()
        let connections = Self.connections(8)
        _ = connections.opened(pair.relay, from: "192.0.2.1")
        connections.closed(pair.relay)
        connections.awaitRequest(pair.relay)
        connections.sweep(now: .now + .seconds(10_000))
        #expect(pair.received == nil)
    }

    @Test("a newcomer gets the place of the oldest that never asked, of the address with the most")
    func eviction() throws {
        // Six places for strangers.
        let connections = Self.connections(9)
        let pairs = try (0..<8).map { _ in try Pair() }
        for (index, pair) in pairs[..<6].enumerated() {
            let address = [1, 2, 4].contains(index) ? "192.0.2.2" : "192.0.2.\(10 + index)"
            #expect(!connections.opened(pair.relay, from: address, now: Self.start + .seconds(index)))
        }
        #expect(connections.receivedHead(pairs[1].relay, withToken: false))
        connections.awaitRequest(pairs[1].relay)
        #expect(connections.opened(pairs[6].relay, from: "192.0.2.99", now: Self.start + .seconds(6)))
        #expect(pairs.indices.filter { pairs[$0].isShutDown } == [2])
        // Now nobody has more than one that never asked.
        #expect(connections.opened(pairs[7].relay, from: "192.0.2.99", now: Self.start + .seconds(7)))
        #expect(pairs.indices.filter { pairs[$0].isShutDown } == [0, 2])
    }

    @Test("nobody with a token goes for a stranger's sake, and a request that is carried out for nobody's")
    func standing() throws {
        // Two places for those with a token, five for strangers.
        let connections = Self.connections(7)
        let known = try (0..<3).map { _ in try Pair() }
        for pair in known[..<2] {
            _ = connections.opened(pair.relay, from: "192.0.2.1")
            #expect(connections.receivedHead(pair.relay, withToken: true))
            connections.awaitRequest(pair.relay)
        }
        let strangers = try (0..<20).map { _ in try Pair() }
        for pair in strangers { _ = connections.opened(pair.relay, from: "192.0.2.2") }
        #expect(!known[..<2].contains { $0.isShutDown })
        #expect(strangers.count { $0.isShutDown } == 15)

        connections.begin(.relay, known[0].relay)
        connections.begin(.relay, known[1].relay)
        _ = connections.opened(known[2].relay, from: "192.0.2.1")
        #expect(!connections.receivedHead(known[2].relay, withToken: true))
        connections.begin(.answer, known[0].relay)
        connections.awaitRequest(known[0].relay)
        #expect(connections.receivedHead(known[2].relay, withToken: true))
        #expect(known.map(\.isShutDown) == [true, false, false])
    }
}
