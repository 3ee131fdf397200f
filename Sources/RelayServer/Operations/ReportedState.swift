import RelayCore

/// The state that one event loop has reported to clients that follow events.
final class ReportedState {
    /// The index in the list of connections at which the search for late terminals continues.
    var lateSearch = 0
    private var health = StoreHealth.healthy

    /// Records the store's health.
    ///
    /// - Returns: whether it differs from the one reported last.
    func changes(to health: StoreHealth) -> Bool {
        defer { self.health = health }
        return health != self.health
    }
}
