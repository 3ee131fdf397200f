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

    /// The time at which each network's bucket is full again; `nil` is the key of the shared one.
    private var fullAt: [IPNetwork?: NIODeadline] = [:]

    /// Whether the next rejected connection from `network` is published.
    func admits(_ network: IPNetwork, now: NIODeadline) -> Bool {
        let isKnown = self.fullAt[network] != nil || self.fullAt.count < Self.maximumNetworks
        let key = isKnown ? network : nil
        let fullAt = max(self.fullAt[key] ?? now, now)
        guard fullAt - now <= .nanoseconds(Self.interval.nanoseconds * Int64(Self.burst - 1)) else { return false }
        self.fullAt[key] = fullAt + Self.interval
        return true
    }

    /// Forgets networks whose buckets are full. Called several times a second.
    func forgetIdle(now: NIODeadline) {
        if !self.fullAt.isEmpty { self.fullAt = self.fullAt.filter { $0.value > now } }
    }
}
