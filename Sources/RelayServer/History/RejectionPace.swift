import NIOCore
import RelayCore

/// The limit on events for rejected connections: a flood from one network would overwrite all others' events in the ring.
///
/// A token bucket for each network. Rejected connections without an event are in the metrics and in the summary of the log.
final class RejectionPace {
    /// Events of one network after a quiet time.
    static let burst = 50
    /// The interval at which another one is allowed.
    static let interval = TimeAmount.seconds(1)
    /// The maximum number of networks recorded; more share one bucket.
    static let maximumNetworks = 4_096

    private static let rate = TokenBucket.Rate(burst: RejectionPace.burst, interval: RejectionPace.interval)

    /// The networks' buckets that are not full; `nil` is the key of the shared one.
    private var buckets: [IPNetwork?: TokenBucket] = [:]

    /// Whether the next rejected connection from `network` is published.
    func admits(_ network: IPNetwork, now: NIODeadline) -> Bool {
        let isKnown = self.buckets[network] != nil || self.buckets.count < Self.maximumNetworks
        return self.buckets[isKnown ? network : nil, default: TokenBucket(now: now)].takeIfDue(now: now, Self.rate)
    }

    /// Forgets networks whose buckets are full. Called several times a second.
    func forgetIdle(now: NIODeadline) {
        if !self.buckets.isEmpty { self.buckets = self.buckets.filter { !$0.value.isFull(now: now) } }
    }
}
