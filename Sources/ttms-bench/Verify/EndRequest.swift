import Dispatch
import Glibc
import Synchronization

/// A request to end the sending early, by `SIGINT` (Ctrl-C) or `SIGTERM`; the frames sent are still accounted for.
final class EndRequest: Sendable {
    private let made = Atomic(false)
    private let sources = Mutex<[any DispatchSourceSignal]>([])

    /// Takes these signals as such a request from now on. A second one ends the process at once.
    init() {
        self.sources.withLock { sources in
            sources = [SIGINT, SIGTERM].map { number in
                // The empty handler prevents the signal from ending the process; the source handles it.
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
