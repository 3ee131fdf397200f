import NIOCore
import RelayCore
import Testing

@Suite struct HeartbeatCadenceTests {
    /// A cadence after heartbeats with these milliseconds between them, and when the last one came.
    private func cadence(_ intervals: [Int64]) -> (cadence: HeartbeatCadence, last: NIODeadline) {
        var cadence = HeartbeatCadence()
        var time = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
        _ = cadence.heartbeat(now: time, frames: 0)
        for interval in intervals {
            time = time + .milliseconds(interval)
            _ = cadence.heartbeat(now: time, frames: 0)
        }
        return (cadence, time)
    }

    @Test func fewIntervalsAreNoHabit() {
        for count in 0..<3 {
            let (cadence, last) = self.cadence(Array(repeating: 30_000, count: count))
            #expect(cadence.habit == nil)
            #expect(cadence.due == nil)
            #expect(!cadence.isLate(now: last + .hours(24)))
        }
        #expect(self.cadence([30_000, 30_000, 30_000]).cadence.habit?.interval == .seconds(30))
    }

    @Test(
        arguments: [
            // Perfectly regular: half the interval is allowed.
            (Array(repeating: 30_000, count: 40), 45_000),
            // Very short intervals: at least two seconds are.
            (Array(repeating: 100, count: 40), 2_100),
            (Array(repeating: 600_000, count: 40), 900_000),
        ] as [([Int64], Int64)]
    )
    func aRegularTerminalIsLateAfterItsAllowance(intervals: [Int64], patience: Int64) {
        let (cadence, last) = self.cadence(intervals)
        // The deviation that a first interval is credited with has faded but for some milliseconds.
        #expect(!cadence.isLate(now: last + .milliseconds(patience - 1)))
        #expect(cadence.isLate(now: last + .milliseconds(patience + 50)))
    }

    @Test func anIrregularTerminalIsGivenMoreTime() {
        let intervals = (0..<100).map { $0.isMultiple(of: 2) ? 20_000 : 60_000 } as [Int64]
        let (cadence, last) = self.cadence(intervals)
        let habit = cadence.habit
        #expect(habit.map { (35_000...45_000).contains($0.interval.nanoseconds / 1_000_000) } == true)
        #expect(habit.map { (15_000...25_000).contains($0.deviation.nanoseconds / 1_000_000) } == true)
        #expect(!cadence.isLate(now: last + .seconds(100)))
        #expect(cadence.isLate(now: last + .seconds(150)))
    }

    @Test func anOutageTeachesLittleAndANewHabitSoon() {
        var (cadence, last) = self.cadence(Array(repeating: 10_000, count: 50))
        last = last + .hours(10)
        #expect(cadence.isLate(now: last))
        _ = cadence.heartbeat(now: last, frames: 0)
        #expect(cadence.habit.map { $0.interval < .seconds(15) } == true)
        for _ in 0..<30 {
            last = last + .seconds(300)
            _ = cadence.heartbeat(now: last, frames: 0)
        }
        #expect(cadence.habit.map { $0.interval > .seconds(250) && $0.interval <= .seconds(300) } == true)
    }

    @Test func anIntervalAcrossConnectionsTeachesNothing() {
        var (cadence, last) = self.cadence(Array(repeating: 10_000, count: 10))
        let habit = cadence.habit
        cadence.disconnected()
        last = last + .hours(5)
        #expect(cadence.isLate(now: last))
        _ = cadence.heartbeat(now: last, frames: 0)
        #expect(cadence.habit == habit)
        #expect(!cadence.isLate(now: last))
    }

    @Test func aReportedTerminalIsPunctualOnce() {
        var (cadence, last) = self.cadence(Array(repeating: 10_000, count: 10))
        cadence.isReportedLate = true
        let first = cadence.heartbeat(now: last + .seconds(60), frames: 0)
        let second = cadence.heartbeat(now: last + .seconds(70), frames: 0)
        #expect(first && !second)
        cadence.isReportedLate = true
        cadence.disconnected()
        let afterwards = cadence.heartbeat(now: last + .seconds(80), frames: 0)
        #expect(!afterwards)
        last = last + .seconds(80)
    }

    @Test func theRateSpansTheLastHeartbeats() {
        var cadence = HeartbeatCadence()
        let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
        #expect(cadence.framesPerSecond(now: start, frames: 100) == 0)
        _ = cadence.heartbeat(now: start, frames: UInt64(UInt32.max) - 5)
        // Its counters pass 2^32.
        let frames = UInt64(UInt32.max) - 5
        #expect(cadence.framesPerSecond(now: start, frames: frames) == 0)
        #expect(cadence.framesPerSecond(now: start + .milliseconds(1), frames: frames + 1) == 1)
        #expect(cadence.framesPerSecond(now: start + .seconds(10), frames: frames + 100) == 10)
        _ = cadence.heartbeat(now: start + .seconds(10), frames: frames + 100)
        _ = cadence.heartbeat(now: start + .seconds(20), frames: frames + 400)
        #expect(cadence.framesPerSecond(now: start + .seconds(20), frames: frames + 400) == 30)
        #expect(cadence.framesPerSecond(now: start + .seconds(30), frames: frames + 400) == 15)
        cadence.disconnected()
        #expect(cadence.framesPerSecond(now: start + .seconds(30), frames: frames + 400) == 0)
    }

    @Test func itIsSmall() {
        #expect(MemoryLayout<HeartbeatCadence>.size <= 32)
        #expect(MemoryLayout<ConnectionHistory>.size == 8)
        #expect(MemoryLayout<PeerAddress>.stride <= 24)
    }
}
