/// When the frames of an open loop are due: fixed in advance, whatever the server does meanwhile.
///
/// That a frame was sent late, because the server had stalled or the generator was busy, is then part of its latency: a closed
/// loop would leave it out, as it sends nothing while it waits ("coordinated omission").
///
/// Frame `k` is due at `start + k * interval / frames`, rounded up to a nanosecond.
struct Schedule: Equatable, Sendable {
    /// Nanoseconds of ``LoadClock``.
    let start: UInt64
    /// Frames in each interval, at least 1.
    let frames: UInt64
    /// Nanoseconds, at least 1.
    let interval: UInt64

    init(start: UInt64, frames: UInt64, interval: UInt64 = LoadClock.second) {
        self.start = start
        self.frames = max(frames, 1)
        self.interval = max(interval, 1)
    }

    /// When frame `k` is due.
    func time(of k: UInt64) -> UInt64 {
        let product = k.multipliedFullWidth(by: self.interval)
        guard product.high < self.frames else { return .max }
        let (quotient, remainder) = self.frames.dividingFullWidth(product)
        return self.start &+ quotient &+ (remainder > 0 ? 1 : 0)
    }

    /// How many frames are due at `time`: those with numbers below it.
    func due(at time: UInt64) -> UInt64 {
        guard time >= self.start else { return 0 }
        let product = (time - self.start).multipliedFullWidth(by: self.frames)
        guard product.high < self.interval else { return .max }
        return self.interval.dividingFullWidth(product).quotient + 1
    }

    /// How many of `due` frames are the business of the sender at `position` of `senders`, which take turns.
    static func share(of due: UInt64, position: UInt64, senders: UInt64) -> UInt64 {
        due > position ? (due - position - 1) / senders + 1 : 0
    }
}
