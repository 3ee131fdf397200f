import Synchronization

/// Counts the requests of each address that come without a valid token. Above a limit they are refused for a time and counted
/// separately. Such an address has a client that repeats an old token, or one that guesses.
///
/// Guessing 256 random bits is hopeless. A request with a valid token is therefore always served, even when others of its address
/// are refused: the clients of a proxy share one address.
final class FailedAttempts: Sendable {
    private struct Count {
        var since: ContinuousClock.Instant
        var attempts = 0
    }

    /// The length of the counting period in seconds.
    private static let window = 60
    /// Addresses counted separately at a time; all further ones are counted together.
    private static let maximumAddresses = 1_000

    private let limit: Int
    private let counts = Mutex<[String: Count]>([:])

    /// - Parameter limit: attempts of one address within a minute.
    init(limit: Int) {
        self.limit = limit
    }

    /// Counts an attempt.
    ///
    /// - Returns: the seconds for which the address has to wait; `nil` when it is below the limit.
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
