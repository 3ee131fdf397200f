import Glibc
import Testing

@testable import RelayAdmin

/// What the sweep does to a connection, as the library and the client see it.
@Suite struct ConnectionDeadlineTests {
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

        static func send(_ text: String, to descriptor: Int32) -> Bool {
            Glibc.send(descriptor, text, text.utf8.count, Int32(MSG_NOSIGNAL)) == text.utf8.count
        }

        /// What has come; empty at the end, `nil` when there is nothing (yet).
        static func receive(from descriptor: Int32) -> String? {
            var bytes = [UInt8](repeating: 0, count: 100)
            let count = recv(descriptor, &bytes, bytes.count, 0)
            return count < 0 ? nil : String(decoding: bytes.prefix(count), as: UTF8.self)
        }
    }

    private static let timeout = Duration.seconds(600)

    @Test("takes neither the bytes before a FIN away, nor the answer to them")
    func halfClosed() throws {
        let pair = try Pair()
        let deadlines = ConnectionDeadlines(timeout: Self.timeout)
        deadlines.opened(pair.relay)
        #expect(Pair.send("GET /", to: pair.client))
        shutdown(pair.client, Int32(SHUT_WR))
        deadlines.sweep(now: .now)
        #expect(Pair.receive(from: pair.relay) == "GET /")
        #expect(Pair.receive(from: pair.relay) == "")
        #expect(Pair.send("400", to: pair.relay))
        #expect(Pair.receive(from: pair.client) == "400")
        deadlines.closed(pair.relay)
    }

    @Test("leaves a client alone that has time left, or waits for the relay")
    func patience() throws {
        let pair = try Pair()
        let deadlines = ConnectionDeadlines(timeout: Self.timeout)
        deadlines.opened(pair.relay)
        deadlines.sweep(now: .now)
        #expect(Pair.receive(from: pair.relay) == nil)
        deadlines.pause(pair.relay)
        deadlines.sweep(now: .now + Self.timeout * 2)
        #expect(Pair.receive(from: pair.relay) == nil)
        #expect(Pair.send("200", to: pair.relay))
        deadlines.restart(pair.relay)
        deadlines.sweep(now: .now + Self.timeout * 2)
        #expect(Pair.receive(from: pair.relay) == "")
        deadlines.closed(pair.relay)
    }

    @Test("does not touch a descriptor that is another's by now")
    func closed() throws {
        let pair = try Pair()
        let deadlines = ConnectionDeadlines(timeout: Self.timeout)
        deadlines.opened(pair.relay)
        deadlines.closed(pair.relay)
        deadlines.restart(pair.relay)
        deadlines.sweep(now: .now + Self.timeout * 2)
        #expect(Pair.receive(from: pair.relay) == nil)
    }
}
