import Testing

@testable import ttms_bench

struct ScheduleTests {
    @Test(
        "Frames are due at even distances from the start, whatever the rate",
        arguments: [1, 3, 7, 20_000, 999_983, 10_000_000]
    )
    func times(rate: UInt64) {
        let schedule = Schedule(start: 5_000, frames: rate)
        #expect(schedule.time(of: 0) == 5_000)
        #expect(schedule.time(of: rate) == 5_000 + LoadClock.second)
        #expect(schedule.time(of: 60 * rate) == 5_000 + 60 * LoadClock.second)
        for k: UInt64 in 1..<100 {
            let distance = schedule.time(of: k) - schedule.time(of: k - 1)
            #expect(distance == LoadClock.second / rate || distance == LoadClock.second / rate + 1)
        }
    }

    @Test("A frame is due exactly from its time on", arguments: [1, 3, 7, 20_000, 999_983, 10_000_000])
    func due(rate: UInt64) {
        let schedule = Schedule(start: 1 << 62, frames: rate)
        #expect(schedule.due(at: 0) == 0)
        #expect(schedule.due(at: (1 << 62) - 1) == 0)
        for k in [0, 1, 2, 999, 1_000_000, 86_400 * rate] {
            #expect(schedule.due(at: schedule.time(of: k)) == k + 1)
            #expect(schedule.due(at: schedule.time(of: k) - 1) == k)
        }
    }

    @Test("An hour at the highest rate shared by all terminals does not overflow")
    func extremes() {
        let schedule = Schedule(start: 0, frames: 10_000_000 * 1_000_000, interval: 1_000_000 * LoadClock.second)
        #expect(schedule.due(at: 3_600 * LoadClock.second) == 36_000_000_001)
        #expect(schedule.time(of: 36_000_000_000) == 3_600 * LoadClock.second)
        #expect(Schedule(start: 0, frames: 1, interval: .max).time(of: .max) == .max)
        #expect(Schedule(start: 0, frames: .max, interval: 1).due(at: .max) == .max)
        #expect(Schedule(start: 0, frames: 0, interval: 0).time(of: 7) == 7)
    }

    @Test("Senders take turns: their shares add up, and differ by one at most")
    func shares() {
        for senders: UInt64 in [1, 2, 3, 200] {
            for due: UInt64 in [0, 1, 2, 5, 199, 200, 201, 12_345] {
                let shares = (0..<senders).map { Schedule.share(of: due, position: $0, senders: senders) }
                #expect(shares.reduce(0, +) == due)
                #expect((shares.max() ?? 0) - (shares.min() ?? 0) <= 1)
                #expect(shares == shares.sorted(by: >), "the first has its turn first")
            }
        }
    }
}
