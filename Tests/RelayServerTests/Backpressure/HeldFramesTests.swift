import NIOCore
import RelayCore
import TTMSProtocol
import Testing

@testable import RelayServer

/// Frames that are held in memory, and the sum over all event loops.
struct HeldFramesTests {
    private let one = CCID(rawValue: 1)
    private let two = CCID(rawValue: 2)
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    @Test("Given two event loops, when each publishes its bytes, then both see the sum, each with its own bytes of now")
    func sum() {
        let sum = WaitingBytes()
        let loops = [HeldFrames(sum: sum), HeldFrames(sum: sum)]
        loops[0].publish(100)
        loops[1].publish(30)
        #expect(loops[0].total(with: 100) == 130)
        // Not published yet, and known here all the same.
        #expect(loops[0].total(with: 150) == 180)
        #expect(loops[1].total(with: 30) == 130)
        loops[0].publish(0)
        loops[1].publish(0)
        #expect(sum.total == 0)
    }

    @Test("Given held frames, when they end, then their beginning is known once")
    func times() {
        let held = HeldFrames(sum: WaitingBytes())
        held.began(self.one, at: self.start)
        held.began(self.two, at: self.start + .seconds(1))
        #expect(Set(held.terminals) == [self.one, self.two])
        #expect(!held.areAllNewer(than: self.start))
        #expect(held.areAllNewer(than: self.start - .nanoseconds(1)))
        #expect(held.ended(self.one) == self.start)
        #expect(held.ended(self.one) == nil)
        #expect(held.areAllNewer(than: self.start))
        #expect(held.count == 1)
    }

    @Test("Given nothing held, then everything held is newer than any time, and takes no memory")
    func empty() {
        let held = HeldFrames(sum: WaitingBytes())
        #expect(held.areAllNewer(than: .distantFuture))
        held.count(40)
        held.count(-40)
        #expect(held.bytes == 0)
    }
}
