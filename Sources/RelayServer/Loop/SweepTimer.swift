import NIOCore

/// The one timer of an event loop's sweeps: it is set to the earliest time that anything is due.
final class SweepTimer {
    /// When the next sweep runs; `.distantFuture` when none is scheduled.
    private var due = NIODeadline.distantFuture
    private var callback: NIOScheduledCallback?

    /// Has `schedule` set the timer to `due`, unless it fires before that.
    func set(to due: NIODeadline, _ schedule: () -> NIOScheduledCallback?) {
        guard due < self.due else { return }
        self.callback?.cancel()
        self.due = due
        self.callback = schedule()
    }

    /// The timer that was set to `due` fires.
    ///
    /// - Returns: `false` when it has been set to another time since.
    func fires(at due: NIODeadline) -> Bool {
        guard due == self.due else { return false }
        self.due = .distantFuture
        self.callback = nil
        return true
    }
}
