import RelayCore
import Synchronization
import Testing

@testable import RelayServer

@Suite struct SteadyClockTests {
    /// Two clocks that a test sets, in seconds.
    private final class Clocks: Sendable {
        let wall = Atomic<Int64>(1_000_000)
        let boot = Atomic<Int64>(50)

        func pass(_ seconds: Int64, wall: Int64? = nil) {
            self.boot.wrappingAdd(seconds, ordering: .relaxed)
            self.wall.wrappingAdd(wall ?? seconds, ordering: .relaxed)
        }

        func steady() -> SteadyClock {
            SteadyClock(
                wall: { self.wall.load(ordering: .relaxed) * 1_000_000 },
                boot: { self.boot.load(ordering: .relaxed) * 1_000_000 }
            )
        }
    }

    private func seconds(_ clock: SteadyClock) -> Int64 { clock.now.microseconds / 1_000_000 }

    @Test func itFollowsTheWallClockThroughSmallCorrections() {
        let clocks = Clocks()
        let clock = clocks.steady()
        for correction: Int64 in [0, 3, -3, 9, -9] {
            clocks.pass(100, wall: 100 + correction)
            #expect(self.seconds(clock) == clocks.wall.load(ordering: .relaxed))
        }
    }

    @Test(arguments: [31_536_000, -31_536_000, 11, -11]) func aJumpDoesNotMoveIt(jump: Int64) {
        let clocks = Clocks()
        let clock = clocks.steady()
        clocks.pass(60, wall: 60 + jump)
        #expect(self.seconds(clock) == 1_000_060)
        clocks.pass(60)
        #expect(self.seconds(clock) == 1_000_120)
        // It is set back: the two agree again, and small corrections count again.
        clocks.pass(60, wall: 60 - jump)
        #expect(self.seconds(clock) == 1_000_180)
        clocks.pass(60, wall: 65)
        #expect(self.seconds(clock) == 1_000_245)
    }
}
