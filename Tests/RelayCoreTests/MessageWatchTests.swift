import RelayCore
import TTMSProtocol
import Testing

@Suite struct MessageWatchTests {
    private static let id = MessageID(slot: 1, sequence: 1)

    private static var trace: MessageTrace {
        var trace = MessageTrace(
            id: self.id,
            destination: CCID(rawValue: 1),
            source: CCID(rawValue: 2),
            frameBytes: 15,
            acceptedAt: Timestamp(microseconds: 0),
            expiresAt: nil
        )
        trace.queued(at: Timestamp(microseconds: 1))
        return trace
    }

    @Test("whoever waits when it is closed gets the trace as it is, and so does whoever comes later")
    func close() async {
        let watch = MessageWatch()
        let (begun, beginning) = AsyncStream.makeStream(of: Void.self)
        async let waiting = watch.awaitEnd(of: Self.id, timeout: .seconds(1_000)) {
            beginning.yield()
            return Self.trace
        }
        for await _ in begun { break }
        watch.close()
        #expect(await waiting == Self.trace)
        #expect(await watch.awaitEnd(of: Self.id, timeout: .seconds(1_000)) { Self.trace } == Self.trace)
    }

    @Test("an end is told to whoever waits for that message")
    func end() async {
        let watch = MessageWatch()
        let ended = {
            var trace = Self.trace
            trace.dropped(.deleted, at: Timestamp(microseconds: 2))
            return trace
        }()
        let trace = await watch.awaitEnd(of: Self.id, timeout: .seconds(1_000)) {
            watch.changed([ended])
            return Self.trace
        }
        #expect(trace == ended)
    }
}
