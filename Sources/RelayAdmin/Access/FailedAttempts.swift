import Synchronization

/// How often each address has come without a token that is in force: one that does so again and again is told to wait, and counted
/// apart. It is a client with an old token in a loop, or somebody who guesses.
///
/// Against 256 random bits no guess is worth anything, so a request whose token is in force is always served, whoever else comes from
/// its address: a proxy has one for all.
final class FailedAttempts: Sendable {
    private struct Count {
        var since: ContinuousClock.Instant
        var attempts = 0
    }

    /// What is counted together, seconds.
    private static let window = 60
    /// Addresses that are told apart at a time; all further ones count as one.
    private static let maximumAddresses = 1_000

    private let limit: Int
    private let counts = Mutex<[String: Count]>([:])

    /// - Parameter limit: attempts of one address within a minute.
    init(limit: Int) {
        self.limit = limit
    }

    /// Counts an attempt.
    ///
    /// - Returns: how many seconds the address has to wait; `nil` when it may go on.
    func note(_ address: String, now: ContinuousClock.Instant = .now) -> Int? {
        self.counts.withLock { counts in
            var address = address
            let begin = now - .seconds(Self.window)
            if counts[address] == nil, counts.count >= Self.maximumAddresses {
                counts = counts.filter { $0.value.since > begin }
                if counts.count >= Self.maximumAddresses { address = "" }
            }
            var count = counts[address] ?? Count(since: now)
            if count.since <= begin { count = Count(since: now) }
            count.attempts += 1
            counts[address] = count
            guard count.attempts > self.limit else { return nil }
            return Int((count.since - begin).components.seconds) + 1
        }
    }
}
