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

        func steady(continuing reading: ClockReading? = nil) -> SteadyClock {
            SteadyClock(
                continuing: reading,
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

    /// The relay was stopped at 1,000,000 by both clocks, or by a wall clock that was off; the wall clock now says `wall`.
    @Test(
        arguments: [
            // An hour away.
            (stoppedAt: 1_000_000, wall: 1_003_600, expected: 1_003_600),
            // A week, or a clock that is wrong: a day counts.
            (1_000_000, 1_604_800, 1_086_400),
            (1_000_000, 32_536_000, 1_086_400),
            // Back in 1970: no time at all.
            (1_000_000, 0, 1_000_000),
            // The wall clock was off before, and still is: an hour away.
            (0, 3_600, 1_003_600),
            (32_536_000, 32_539_600, 1_003_600),
            // It was off, and is right now.
            (0, 1_003_600, 1_086_400),
            (32_536_000, 1_003_600, 1_000_000),
        ] as [(Int64, Int64, Int64)]
    )
    func itGoesOnWhereItStopped(stoppedAt: Int64, wall: Int64, expected: Int64) {
        let clocks = Clocks()
        clocks.wall.store(wall, ordering: .relaxed)
        let reading = ClockReading(
            steady: Timestamp(microseconds: 1_000_000_000_000),
            wall: Timestamp(microseconds: stoppedAt * 1_000_000)
        )
        let clock = clocks.steady(continuing: reading)
        #expect(self.seconds(clock) == expected)
        clocks.pass(60, wall: 63)
        #expect(self.seconds(clock) == expected + 63)
        // People see how long ago something was.
        let minuteAgo = Timestamp(microseconds: clock.now.microseconds - 60_000_000)
        #expect(clock.wallTime(of: minuteAgo).microseconds / 1_000_000 == wall + 3)
    }

    @Test func theAgeOfAReadingDoesNotAddUp() {
        let clocks = Clocks()
        let reading = ClockReading(
            steady: Timestamp(microseconds: 999_999_000_000),
            wall: Timestamp(microseconds: 1_000_000_000_000)
        )
        #expect(self.seconds(clocks.steady(continuing: reading)) == 1_000_000)
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
