import NIOCore
import Testing

@testable import RelayServer

/// The timer of the sweeps: it fires at the earliest time that it was set to.
struct SweepTimerTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    /// - Returns: whether the timer was scheduled anew.
    private func set(_ timer: SweepTimer, to due: NIODeadline) -> Bool {
        var isScheduled = false
        timer.set(to: due) {
            isScheduled = true
            return nil
        }
        return isScheduled
    }

    @Test("Given a timer, when something is due earlier, then it is set anew, and else not")
    func earliest() {
        let timer = SweepTimer()
        #expect(self.set(timer, to: self.start))
        #expect(!self.set(timer, to: self.start))
        #expect(!self.set(timer, to: self.start + .milliseconds(1)))
        #expect(self.set(timer, to: self.start - .milliseconds(1)))
    }

    @Test("Given a timer that was set anew, when the former callback fires, then it is no sweep")
    func former() {
        let timer = SweepTimer()
        _ = self.set(timer, to: self.start)
        _ = self.set(timer, to: self.start - .milliseconds(1))
        #expect(!timer.fires(at: self.start))
        #expect(timer.fires(at: self.start - .milliseconds(1)))
    }

    @Test("Given a timer that has fired, when something is due, then it is set again")
    func again() {
        let timer = SweepTimer()
        _ = self.set(timer, to: self.start)
        #expect(timer.fires(at: self.start))
        #expect(!timer.fires(at: self.start))
        #expect(self.set(timer, to: self.start + .seconds(1)))
    }

    @Test("Given nothing due, then no timer is set")
    func never() {
        #expect(!self.set(SweepTimer(), to: .distantFuture))
    }
}
