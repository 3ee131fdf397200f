import CLinuxProcess
import Foundation
import Synchronization

/// The signals that the process is sent, from its first moment on: none of them ends it by itself, and none that comes early is lost.
///
/// Before ``begin()`` there is nothing that a stop would have to put in order (the store survives the end of the process at any point),
/// so a signal that asks for one ends the process at once.
final class ProcessSignals: Sendable {
    /// What a signal asks for.
    enum Request: Sendable {
        case stop(CInt)
        case reload
        /// A signal that means nothing here, and whose default action would end the process.
        case nothing(CInt)

        fileprivate init(_ number: CInt) {
            switch number {
            case SIGHUP: self = .reload
            case SIGUSR1, SIGUSR2: self = .nothing(number)
            default: self = .stop(number)
            }
        }
    }

    /// What was asked for, in order; yields what came before somebody iterated, too.
    let requests: AsyncStream<Request>
    private let hasBegun = Atomic(false)

    /// Catches signals from now on. To be called once, before threads are started.
    init() {
        linux_process_open_standard_descriptors()
        linux_process_mend_limits()
        linux_signals_catch()
        // Signals are coalesced per number, so that nobody can fill it faster than it is read.
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

    /// From now on a stop is in the hands of whoever reads ``requests``.
    func begin() {
        self.hasBegun.store(true, ordering: .releasing)
    }
}
