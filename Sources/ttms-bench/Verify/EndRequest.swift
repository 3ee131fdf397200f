import Dispatch
import Glibc
import Synchronization

/// Somebody ends a run before everything is sent, by `SIGINT` (Ctrl-C) or `SIGTERM`: what was sent is accounted for all the same.
final class EndRequest: Sendable {
    private let made = Atomic(false)
    private let sources = Mutex<[any DispatchSourceSignal]>([])

    /// From now on these signals are such a request. A second one ends the process at once.
    init() {
        self.sources.withLock { sources in
            sources = [SIGINT, SIGTERM].map { number in
                // A handler that does nothing keeps the process alive; what there is to do, the source does.
                signal(number) { _ in }
                let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
                source.setEventHandler { [weak self] in
                    if self?.made.exchange(true, ordering: .relaxed) ?? true { exit(128 + number) }
                }
                source.resume()
                return source
            }
        }
    }

    /// Whether it was made.
    var isMade: Bool { self.made.load(ordering: .relaxed) }
}
