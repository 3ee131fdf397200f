import CLinuxProcess
import Foundation
import Synchronization

/// The signals to the process, from its start on. None of them ends it by itself, and an early one is not lost.
///
/// Before ``begin()``, a signal for a stop ends the process at once. A stop has no work then, since the store survives the end
/// of the process at any point.
final class ProcessSignals: Sendable {
    /// The meaning of a signal.
    enum Request: Sendable {
        case stop(CInt)
        case reload
        /// A signal without a meaning for the relay, whose default action would end the process.
        case nothing(CInt)

        fileprivate init(_ number: CInt) {
            switch number {
            case SIGHUP: self = .reload
            case SIGUSR1, SIGUSR2: self = .nothing(number)
            default: self = .stop(number)
            }
        }
    }

    /// The requests in order, including those from before the first iteration.
    let requests: AsyncStream<Request>
    private let hasBegun = Atomic(false)

    /// Catches signals from now on. Called once, before threads are started.
    init() {
        linux_process_open_standard_descriptors()
        linux_process_mend_limits()
        linux_signals_catch()
        // Signals are coalesced per number, so the stream cannot grow faster than it is read.
        let (requests, continuation) = AsyncStream.makeStream(of: Request.self)
        self.requests = requests
        let thread = Thread {
            while true {
                let request = Request(linux_signals_wait())
                if case .stop = request, !self.hasBegun.load(ordering: .acquiring) { _exit(0) }
                continuation.yield(request)
            }
        }
        thread.name = "ttms-signals"
        thread.start()
    }

    /// Leaves stops to the reader of ``requests`` from now on.
    func begin() {
        self.hasBegun.store(true, ordering: .releasing)
    }
}
