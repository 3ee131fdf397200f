import Glibc
import RelayCore

/// What the store thread has been asked for and has not begun, and the way to wake it.
///
/// Waiting goes by the monotonic clock: a wall clock that is set back must not keep a failed commit from being tried again. That
/// rules out the condition variables of NIO, which go by the wall clock.
///
/// `@unchecked Sendable`: `delivery`, `holders` and `holdEnd` are only touched while `mutex` is held.
final class StoreInbox: @unchecked Sendable {
    /// Something to do, in the order in which it came.
    enum Work: Sendable {
        case submission(StoreSubmission)
        case job(StoreJob)
    }

    /// What has come since the last look.
    struct Delivery {
        var work: [Work] = []
        /// Nothing comes after this, and what it needs to be durable may take so long.
        var patience: Duration?

        var isEmpty: Bool { self.work.isEmpty && self.patience == nil }
    }

    private var delivery = Delivery()
    /// How many have more to come that should be taken together with what is here.
    private var holders = 0
    /// Until when they are waited for.
    private var holdEnd = timespec()
    // Allocated, because they must not move.
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

    /// Adds something to do.
    ///
    /// - Returns: `false` when the inbox is closed.
    func post(_ work: Work) -> Bool {
        pthread_mutex_lock(self.mutex)
        defer { pthread_mutex_unlock(self.mutex) }
        guard self.delivery.patience == nil else { return false }
        self.delivery.work.append(work)
        // The thread is woken once, and takes everything that is there by then.
        if self.delivery.work.count == 1 { pthread_cond_signal(self.arrival) }
        return true
    }

    /// Takes nothing more.
    ///
    /// - Parameter patience: how long the thread goes on trying when commits fail.
    func finish(patience: Duration) {
        pthread_mutex_lock(self.mutex)
        defer { pthread_mutex_unlock(self.mutex) }
        self.delivery.patience = patience
        pthread_cond_signal(self.arrival)
    }

    /// Lets nothing be taken until ``release()``, or until `patience` is over. Who joins while others hold does not make it longer.
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

    /// Waits until something has come, or until `timeout` is over, and takes it.
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

    /// The monotonic clock's time in `timeout`.
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

/// Work of ``GroupCommit/change(_:)``: a body whose result is given back after the attempt to commit.
struct StoreJob: Sendable {
    /// Runs the body, and returns what tells its caller, and whether its changes are durable.
    let run: @Sendable (any MessageStore) -> (Bool) -> Void
}
