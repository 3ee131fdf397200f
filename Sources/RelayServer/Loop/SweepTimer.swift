import NIOCore

/// The one timer of an event loop's sweeps, set to the earliest due time.
final class SweepTimer {
    /// The time of the next sweep; `.distantFuture` when none is scheduled.
    private var due = NIODeadline.distantFuture
    private var callback: NIOScheduledCallback?

    /// Lets `schedule` set the timer to `due`, unless it fires before that.
    func set(to due: NIODeadline, _ schedule: () -> NIOScheduledCallback?) {
        guard due < self.due else { return }
        self.callback?.cancel()
        self.due = due
        self.callback = schedule()
    }

    /// Records that the timer that was set to `due` fires.
    ///
    /// - Returns: `false` when it has been set to another time since.
    func fires(at due: NIODeadline) -> Bool {
        guard due == self.due else { return false }
        self.due = .distantFuture
        self.callback = nil
        return true
    }
}
