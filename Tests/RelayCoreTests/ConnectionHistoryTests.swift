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
