import TTMSProtocol
import Testing

@testable import RelayCore

@Suite struct LiveTracesTests {
    private static func trace(_ sequence: UInt64) -> MessageTrace {
        .queued(MessageID(slot: 0, sequence: sequence))
    }

    @Test func tracesEndInAnyOrder() {
        var traces = LiveTraces()
        #expect(traces.isEmpty && traces[1] == nil && traces.ids(in: 0..<9, limit: 9).isEmpty && traces.inFlight.isEmpty)
        // Every third message is traced.
        var expected = (0..<UInt64(5 * LiveTraces.pieceSize + 7)).map { 3 * $0 }
        for sequence in expected { traces.append(Self.trace(sequence)) }
        var state: UInt64 = 1
        while !expected.isEmpty {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let index = Int((state >> 33) % UInt64(expected.count))
            let sequence = expected.remove(at: index)
            #expect(traces.remove(sequence)?.id.sequence == sequence)
            #expect(traces[sequence] == nil && traces.remove(sequence) == nil && traces.remove(sequence + 1) == nil)
            #expect(traces.isEmpty == expected.isEmpty)
            guard expected.count.isMultiple(of: 50) else { continue }
            #expect(traces.ids(in: 0..<UInt64.max, limit: .max).map(\.sequence) == expected)
            let range = sequence..<(sequence + 1_000)
            #expect(traces.ids(in: range, limit: 20).map(\.sequence) == Array(expected.filter(range.contains).prefix(20)))
            #expect(expected.allSatisfy { traces[$0]?.id.sequence == $0 })
            if let last = expected.last {
                traces.append(Self.trace(last + 3))
                expected.append(last + 3)
                _ = traces.remove(expected.removeFirst())
            }
        }
    }

    @Test func thoseInFlightStandInFront() {
        var traces = LiveTraces()
        let count = UInt64(LiveTraces.pieceSize + 20)
        for sequence in 0..<2 * count { traces.append(Self.trace(sequence)) }
        for sequence in 0..<count {
            let changed = traces.change(sequence) { $0.written(at: Timestamp(microseconds: 1)) }
            #expect(changed?.state == .inFlight)
        }
        #expect(traces.change(2 * count) { _ in } == nil)
        #expect(traces.inFlight.map(\.sequence) == Array(0..<count))
        #expect(traces[count]?.state == .queued)
    }
}
