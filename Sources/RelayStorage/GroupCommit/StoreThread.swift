import CRocksDB
import Glibc
import Synchronization

/// A thread for work that blocks on the disk, which would block an event loop or the cooperative pool.
final class StoreThread: Sendable {
    private let thread: pthread_t
    private let end: End
    private let isJoined = Atomic(false)

    private final class End: Sendable {
        let hasCome = Atomic(false)
    }

    private final class Start {
        let name: String
        let body: @Sendable () -> Void
        let end: End

        init(name: String, body: @escaping @Sendable () -> Void, end: End) {
            self.name = name
            self.body = body
            self.end = end
        }
    }

    /// Starts a thread that runs `body`; `nil` when the system has no thread. ``join()`` must be called.
    ///
    /// - Parameter name: at most 15 bytes, as `top -H` shows it.
    init?(name: String, _ body: @escaping @Sendable () -> Void) {
        let end = End()
        let start = Unmanaged.passRetained(Start(name: name, body: body, end: end))
        var thread = pthread_t()
        let status = pthread_create(
            &thread,
            nil,
            { argument in
                guard let argument else { return nil }
                let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
                ttms_name_thread(start.name)
                start.body()
                start.end.hasCome.store(true, ordering: .releasing)
                return nil
            },
            start.toOpaque()
        )
        guard status == 0 else {
            start.release()
            return nil
        }
        self.thread = thread
        self.end = end
    }

    /// Blocks the calling thread; a signal may end that early.
    static func sleep(for duration: Duration) {
        let (seconds, attoseconds) = max(duration, .zero).components
        var time = timespec(tv_sec: Int(seconds), tv_nsec: Int(attoseconds / 1_000_000_000))
        nanosleep(&time, nil)
    }

    /// Whether the body has returned.
    var hasEnded: Bool { self.end.hasCome.load(ordering: .acquiring) }

    /// Waits until the body has returned. Only the first call waits: a thread can be joined once.
    func join() {
        guard !self.isJoined.exchange(true, ordering: .relaxed) else { return }
        pthread_join(self.thread, nil)
    }
}
