/// The due times of an open loop's frames, fixed in advance, independent of the server.
///
/// If the server stalls or the generator is busy, the delay of a frame is part of its latency. A closed loop would leave it
/// out, since it sends nothing while it waits ("coordinated omission").
///
/// Frame `k` is due at `start + k * interval / frames`, rounded up to a nanosecond.
struct Schedule: Equatable, Sendable {
    /// The due time of frame 0, in nanoseconds of ``LoadClock``.
    let start: UInt64
    /// Frames in each interval, at least 1.
    let frames: UInt64
    /// The interval in nanoseconds, at least 1.
    let interval: UInt64

    init(start: UInt64, frames: UInt64, interval: UInt64 = LoadClock.second) {
        self.start = start
        self.frames = max(frames, 1)
        self.interval = max(interval, 1)
    }

    /// The due time of frame `k`.
    func time(of k: UInt64) -> UInt64 {
        let product = k.multipliedFullWidth(by: self.interval)
        guard product.high < self.frames else { return .max }
        let (quotient, remainder) = self.frames.dividingFullWidth(product)
        return self.start &+ quotient &+ (remainder > 0 ? 1 : 0)
    }

    /// The number of frames that are due at `time`; their numbers are below it.
    func due(at time: UInt64) -> UInt64 {
        guard time >= self.start else { return 0 }
        let product = (time - self.start).multipliedFullWidth(by: self.frames)
        guard product.high < self.interval else { return .max }
        return self.interval.dividingFullWidth(product).quotient + 1
    }

    /// The number of `due` frames that belong to the sender at `position` of `senders`, which take turns.
    static func share(of due: UInt64, position: UInt64, senders: UInt64) -> UInt64 {
        due > position ? (due - position - 1) / senders + 1 : 0
    }
}
