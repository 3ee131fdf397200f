import RelayCore
import TTMSProtocol
import Testing

@Suite struct MessageWatchTests {
    private static let id = MessageID(slot: 1, sequence: 1)

    private static var trace: MessageTrace { .queued(self.id, at: 1) }

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
