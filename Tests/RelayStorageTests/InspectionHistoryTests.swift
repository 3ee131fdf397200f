import NIOCore
import RelayCore
import TTMSProtocol
import Testing

@testable import RelayStorage

/// Whatever is done to a store, its inspection has nothing to complain about: each rule that it knows is one that the store keeps.
@Suite struct InspectionHistoryTests {
    @Test(arguments: 0..<20 as Range<UInt64>) func anyHistoryLeavesASoundStore(seed: UInt64) throws {
        var random = SplitMix(state: seed)
        var directory = try TemporaryDirectory()
        // Small caps, so that eviction takes part.
        let limits = StoreLimits(terminalFrames: 60, totalFrames: 150, timeToLive: 20)
        var store = try RocksDBStore.open(directory, limits: limits)
        var second: Int64 = 0
        for step in 0..<400 {
            let ccid = CCID(rawValue: .random(in: 1...4, using: &random))
            switch Int.random(in: 0..<16, using: &random) {
            case 0..<6:
                let timeToLive: UInt32? = [nil, nil, 0, 3, 50].randomElement(using: &random) ?? nil
                let isInFlight = Int.random(in: 0..<4, using: &random) == 0
                try store.append(Self.frame(step), to: ccid, at: second, timeToLive: timeToLive, isInFlight: isInFlight)
            case 6, 7:
                _ = try store.readNext(of: ccid, maximumBytes: .random(in: 1...500, using: &random), now: .second(second))
            case 8, 9:
                let messages = try store.messages(of: ccid, after: nil, limit: 3)
                if let last = messages.last(where: \.isInFlight) { try store.remove(of: ccid, through: last.id) }
            case 10: store.rewind(ccid)
            case 11:
                if let message = try store.messages(of: ccid, after: nil, limit: .max).randomElement(using: &random) {
                    _ = try store.delete(message.id)
                }
            case 12: if step.isMultiple(of: 5) { _ = try store.deleteAll(of: ccid) }
            case 13:
                // The clock goes on, and at times back.
                second += .random(in: -2...4, using: &random)
                _ = try store.expire(now: .second(second), limit: 5)
            case 14: try store.commit()
            default:
                if Bool.random(using: &random) { try store.close() } else { try store.commit() }
                directory = try directory.copy()
                let result = try StoreInspection(directory: directory.path).check()
                try #require(result.findings == [], "seed \(seed), step \(step)")
                store = try RocksDBStore.open(directory, limits: limits)
                try #require(result.totals == store.totals)
            }
        }
        #expect(store.totals.expired > 0 && store.totals.removed > 0 && store.totals.deleted > 0)
    }

    private static func frame(_ number: Int) -> [UInt8] {
        var buffer = ByteBuffer()
        let payload = [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 40 + number % 7)
        _ = buffer.writeFrame(header: Frame.forwardHeader, address: .c, command: .data, content: payload)
        return Array(buffer.readableBytesView)
    }
}
