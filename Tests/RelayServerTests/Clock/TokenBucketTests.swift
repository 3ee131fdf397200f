import NIOCore
import Testing

@testable import RelayServer

/// The token bucket behind the limits of takeovers, events and log lines.
struct TokenBucketTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
    private let rate = TokenBucket.Rate(burst: 3, interval: .seconds(1))

    @Test("Given a quiet time, when tokens are taken, then a burst is there, and then one in each interval")
    func burst() {
        var bucket = TokenBucket(now: self.start)
        let first = (0..<4).map { _ in bucket.takeIfDue(now: self.start, self.rate) }
        #expect(first == [true, true, true, false])
        #expect(bucket.due(now: self.start, self.rate) == self.start + .seconds(1))
        let early = bucket.takeIfDue(now: self.start + .milliseconds(999), self.rate)
        #expect(!early)
        let next = bucket.takeIfDue(now: self.start + .seconds(1), self.rate)
        #expect(next)
        let another = bucket.takeIfDue(now: self.start + .seconds(1), self.rate)
        #expect(!another)
    }

    @Test("Given tokens that are taken without being due, then the next ones are due later")
    func debt() {
        var bucket = TokenBucket(now: self.start)
        for _ in 0..<5 { bucket.take(now: self.start, self.rate) }
        #expect(bucket.due(now: self.start, self.rate) == self.start + .seconds(3))
    }

    @Test("Given a used bucket, when it has refilled, then it need not be stored, and holds no more than a burst")
    func refill() {
        var bucket = TokenBucket(now: self.start)
        _ = bucket.takeIfDue(now: self.start, self.rate)
        #expect(!bucket.isFull(now: self.start))
        let later = self.start + .hours(1)
        #expect(bucket.isFull(now: later))
        let taken = (0..<4).map { _ in bucket.takeIfDue(now: later, self.rate) }
        #expect(taken == [true, true, true, false])
    }
}
