/// When the stages of a stop have to be over. They share one limit, the setting `stop_timeout`, so that a stop in which all have to
/// wait takes no longer than one in which one has to.
struct StopSchedule: Equatable, Sendable {
    /// When the stop began.
    let begin: ContinuousClock.Instant
    /// What it may take in all.
    let limit: Duration

    /// What terminals get for each of two things: to acknowledge what they were sent, and to have that noted by the store; and what
    /// clients of the admin API get to finish their requests, from the begin of the stop on.
    var grace: Duration { min(.seconds(2), self.limit / 4) }

    /// Until when the store tries to commit, and answers may leave.
    var end: ContinuousClock.Instant { self.begin + self.limit }

    /// When the process is ended in the middle of whatever it waits for: a system call of a broken disk may never return. With the
    /// default limit that is before a container's supervisor would do it, after 10 s.
    var abandonment: ContinuousClock.Instant { self.begin + max(self.limit + .milliseconds(1_500), .seconds(5)) }
}
