import Glibc
import RelayCore

/// The work that the store thread has not begun, and the means to wake the thread.
///
/// Waits use the monotonic clock: a wall clock that is set back must not delay the next attempt to commit. NIO's condition
/// variables use the wall clock.
///
/// `@unchecked Sendable`: `delivery`, `holders` and `holdEnd` are only used while `mutex` is held.
final class StoreInbox: @unchecked Sendable {
    /// One piece of work, in the order of its arrival.
    enum Work: Sendable {
        case submission(StoreSubmission)
        case job(StoreJob)
    }

    /// The work that has arrived since the last wait.
    struct Delivery {
        var work: [Work] = []
        /// Set when the inbox is closed: the time that the last commit may take.
        var patience: Duration?

        var isEmpty: Bool { self.work.isEmpty && self.patience == nil }
    }

    private var delivery = Delivery()
    /// The number of callers whose further work belongs to the same commit.
    private var holders = 0
    /// The end of the wait for them.
    private var holdEnd = timespec()
    // Allocated, because the address must not change.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let arrival = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    init() {
        pthread_mutex_init(self.mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(self.arrival, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(self.arrival)
        pthread_mutex_destroy(self.mutex)
        self.arrival.deallocate()
        self.mutex.deallocate()
    }

    /// Adds work.
    ///
    /// - Returns: `false` when the inbox is closed.
    func post(_ work: Work) -> Bool {
        pthread_mutex_lock(self.mutex)
        defer { pthread_mutex_unlock(self.mutex) }
        guard self.delivery.patience == nil else { return false }
        self.delivery.work.append(work)
        // The thread is woken once, and takes all work.
        if self.delivery.work.count == 1 { pthread_cond_signal(self.arrival) }
        return true
    }

    /// Closes the inbox.
    ///
    /// - Parameter patience: the time for which the thread tries again when commits fail.
    func finish(patience: Duration) {
        pthread_mutex_lock(self.mutex)
        defer { pthread_mutex_unlock(self.mutex) }
        self.delivery.patience = patience
        pthread_cond_signal(self.arrival)
    }

    /// Delays the delivery until ``release()``, or until `patience` is over. A further holder does not prolong it.
    func hold(for patience: Duration) {
        pthread_mutex_lock(self.mutex)
        defer { pthread_mutex_unlock(self.mutex) }
        if self.holders == 0 { self.holdEnd = Self.deadline(patience) }
        self.holders += 1
    }

    /// Ends one ``hold(for:)``.
    func release() {
        pthread_mutex_lock(self.mutex)
        defer { pthread_mutex_unlock(self.mutex) }
        self.holders -= 1
        if self.holders == 0 { pthread_cond_signal(self.arrival) }
    }

    /// Waits until work has arrived, or until `timeout` is over, and takes the work.
    func wait(timeout: Duration) -> Delivery {
        var deadline = Self.deadline(timeout)
        pthread_mutex_lock(self.mutex)
        defer { pthread_mutex_unlock(self.mutex) }
        while self.delivery.isEmpty {
            guard pthread_cond_timedwait(self.arrival, self.mutex, &deadline) == 0 else { break }
        }
        while self.holders > 0 {
            guard pthread_cond_timedwait(self.arrival, self.mutex, &self.holdEnd) == 0 else { break }
        }
        let delivery = self.delivery
        self.delivery.work = []
        return delivery
    }

    /// The time of the monotonic clock after `timeout`.
    private static func deadline(_ timeout: Duration) -> timespec {
        var deadline = timespec()
        clock_gettime(CLOCK_MONOTONIC, &deadline)
        let (seconds, attoseconds) = max(timeout, .zero).components
        let nanoseconds = deadline.tv_nsec + Int(attoseconds / 1_000_000_000)
        deadline.tv_sec += Int(seconds) + nanoseconds / 1_000_000_000
        deadline.tv_nsec = nanoseconds % 1_000_000_000
        return deadline
    }
}

/// Work of ``GroupCommit/change(_:)``: a body whose result is returned after the attempt to commit.
struct StoreJob: Sendable {
    /// Runs the body, and returns a function that answers its caller with whether the changes are durable.
    let run: @Sendable (any MessageStore) -> (Bool) -> Void
}
