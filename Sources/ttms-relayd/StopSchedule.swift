/// The deadlines of a stop's stages. They share one limit, the setting `stop_timeout`: a stop in which all stages wait takes no
/// longer than one in which a single stage waits.
struct StopSchedule: Equatable, Sendable {
    /// The beginning of the stop.
    let begin: ContinuousClock.Instant
    /// The longest time of the stop.
    let limit: Duration

    /// The time that terminals get to acknowledge their frames, and again for the store to record that. Clients of the admin
    /// API get as long, from the beginning of the stop, to finish their requests.
    var grace: Duration { min(.seconds(2), self.limit / 4) }

    /// The end of the store's attempts to commit, and of answers.
    var end: ContinuousClock.Instant { self.begin + self.limit }

    /// The time at which the process is ended even while it waits: a system call of a broken disk may never return. With the
    /// default limit this is before a container's supervisor kills it, after 10 s.
    var abandonment: ContinuousClock.Instant { self.begin + max(self.limit + .milliseconds(1_500), .seconds(5)) }
}
