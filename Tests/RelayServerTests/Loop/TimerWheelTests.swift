import NIOCore
import Testing

@testable import RelayServer

@Suite struct TimerWheelTests {
    private func time(_ milliseconds: Double) -> NIODeadline {
        .uptimeNanoseconds(UInt64(milliseconds * 1_000_000))
    }

    /// Nothing comes up early, and nothing more than a millisecond late, in whatever order it was added.
    @Test(arguments: 1...5) func everythingComesUpInItsTime(seed: UInt64) {
        var random = SplitMix(seed)
        var wheel = TimerWheel<Double>(now: self.time(1_000))
        var now = 1_000.0
        var pending: [Double] = []
        for _ in 0..<5_000 {
            now += Double(random.next() % 900) / 1_000
            for element in wheel.takeDue(by: self.time(now)) {
                #expect(element <= now)
                pending.removeAll { $0 == element }
            }
            #expect(pending.allSatisfy { $0 > now - 1.001 })
            if random.next() % 2 == 0 {
                let due = now + Double(random.next() % 20_000) / 1_000
                wheel.add(due, due: self.time(due))
                pending.append(due)
            }
            #expect(wheel.count == pending.count)
            #expect((wheel.next == nil) == pending.isEmpty)
        }
        #expect(wheel.takeDue(by: self.time(now + 100)).count == pending.count)
        #expect(wheel.isEmpty)
    }

    @Test func aLoopThatWasHeldUpFindsEverythingDue() {
        var wheel = TimerWheel<Int>(now: self.time(0))
        for number in 0..<20 { wheel.add(number, due: self.time(Double(number))) }
        #expect(Set(wheel.takeDue(by: self.time(10_000))) == Set(0..<20))
    }

    @Test func whatIsDueBeyondTheRingComesUpAtItsEnd() {
        var wheel = TimerWheel<Int>(now: self.time(0))
        wheel.add(1, due: self.time(5_000))
        #expect(wheel.takeDue(by: self.time(31)).isEmpty)
        #expect(wheel.takeDue(by: self.time(32)) == [1])
    }

    @Test func aStormLeavesNoRoomBehind() {
        var wheel = TimerWheel<Int>(now: self.time(0))
        for millisecond in 1...100 {
            for number in 0..<20_000 { wheel.add(number, due: self.time(Double(millisecond))) }
            #expect(wheel.takeDue(by: self.time(Double(millisecond + 1))).count == 20_000)
        }
        #expect(wheel.room < 20_000)
    }

    @Test func whatIsPastIsDueInTheNextMillisecond() {
        var wheel = TimerWheel<Int>(now: self.time(100))
        wheel.add(1, due: self.time(5))
        #expect(wheel.next == self.time(101))
        #expect(wheel.takeDue(by: self.time(101)) == [1])
    }
}

extension TimerWheel {
    fileprivate mutating func takeDue(by now: NIODeadline) -> [Element] {
        var due: [Element] = []
        self.takeDue(by: now, into: &due)
        return due
    }
}
