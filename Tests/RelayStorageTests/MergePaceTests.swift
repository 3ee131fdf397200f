import RelayCore
import Testing

@testable import RelayStorage

/// When a merge that failed is attempted again.
@Suite struct MergePaceTests {
    private static let start = ContinuousClock.now

    /// The first second from `time` on in which an attempt is due.
    private static func due(_ pace: MergePace, isShortOfRoom: Bool, from time: Int) -> Int {
        (time...).first { pace.isDue(isShortOfRoom: isShortOfRoom, at: Self.start + .seconds($0)) } ?? 0
    }

    @Test func attemptsFollowSoonWhileRoomIsShortAndThenLessOften() {
        var pace = MergePace()
        var times: [Int] = []
        var time = 0
        for _ in 0..<6 {
            time = Self.due(pace, isShortOfRoom: true, from: time)
            times.append(time)
            pace.failed(at: Self.start + .seconds(time))
        }
        #expect(times == [0, 1, 3, 7, 12, 17])
    }

    @Test func aSuccessEndsThePause() {
        var pace = MergePace()
        for time in 0..<5 { pace.failed(at: Self.start + .seconds(time)) }
        pace.succeeded()
        #expect(pace.isDue(isShortOfRoom: true, at: Self.start))
        pace.failed(at: Self.start + .seconds(10))
        #expect(Self.due(pace, isShortOfRoom: true, from: 10) == 11)
    }

    @Test func aStoreThatGetsShortOfRoomNeedNotWaitAsOneWithRoomDoes() {
        var pace = MergePace()
        pace.failed(at: Self.start)
        #expect(Self.due(pace, isShortOfRoom: false, from: 0) == 10)
        #expect(Self.due(pace, isShortOfRoom: true, from: 0) == 1)
    }
}
