import NIOCore
import RelayCore
import Testing

@Suite struct ConnectionHistoryTests {
    /// The end of connection `number`, at which the terminal has sent `frames` in all.
    private func entry(_ number: UInt64, frames: UInt64) -> ConnectionHistory.Entry {
        var counters = TerminalCounters()
        counters.framesReceived = frames
        counters.bytesDelivered = frames * 10
        return ConnectionHistory.Entry(
            connection: number,
            remoteAddress: PeerAddress(nil),
            registeredAt: Timestamp(microseconds: Int64(number)),
            endedAt: Timestamp(microseconds: Int64(number) + 1),
            counters: ConnectionCounters(counters),
            reason: .peerClosed
        )
    }

    @Test(arguments: 0...20) func eachConnectionShowsItsOwnAndTheLatestStay(count: Int) {
        var history = ConnectionHistory()
        var total: UInt64 = 0
        // Connection n brings n frames.
        for number in 0..<count {
            total += UInt64(number)
            history.append(self.entry(UInt64(number), frames: total))
        }
        let shown = history.entries
        let first = max(count - ConnectionHistory.capacity, 0)
        #expect(shown.map(\.connection) == (first..<count).map(UInt64.init))
        #expect(shown.map(\.counters.framesReceived) == (first..<count).map(UInt64.init))
        #expect(shown.map(\.counters.bytesDelivered) == (first..<count).map { UInt64($0 * 10) })
    }
}

extension ConnectionHistoryTests {
    @Test("who comes from one address again and again leaves the connections from others in the history")
    func oneAddress() throws {
        func entry(_ number: UInt64, _ address: String) throws -> ConnectionHistory.Entry {
            ConnectionHistory.Entry(
                connection: number,
                remoteAddress: PeerAddress(try SocketAddress(ipAddress: address, port: Int(number))),
                registeredAt: Timestamp(microseconds: 0),
                endedAt: Timestamp(microseconds: 1),
                counters: ConnectionCounters(TerminalCounters()),
                reason: .superseded
            )
        }
        var history = ConnectionHistory()
        for number in 1...4 { history.append(try entry(UInt64(number), "192.0.2.\(number)")) }
        for number in 10..<100 { history.append(try entry(UInt64(number), "203.0.113.7")) }
        #expect(history.entries.map(\.connection) == [1, 2, 3, 4, 96, 97, 98, 99])
    }
}
