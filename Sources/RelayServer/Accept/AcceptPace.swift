import NIOCore

#if canImport(Glibc)
import Glibc
#endif

/// The meaning of an errno of `accept4`, for the connection, the process, or the listening socket.
enum AcceptFailure: Equatable, Sendable {
    /// No connection waits.
    case noneWaiting
    /// One connection was lost, or the call was interrupted: no fault of this machine, and not worth counting.
    case lostConnection
    /// Files or memory are used up. The connection stays in the kernel's queue.
    case lack
    /// Anything else. Linux reports network errors of the new connection this way (accept(2)), and filters may refuse one.
    case other

    init(_ number: CInt) {
        switch number {
        case EAGAIN, EWOULDBLOCK: self = .noneWaiting
        case ECONNABORTED, EINTR: self = .lostConnection
        case EMFILE, ENFILE, ENOBUFS, ENOMEM: self = .lack
        default: self = .other
        }
    }
}

/// The next step of a listener after an attempt to accept, decided without its socket.
///
/// A failure never ends the listener. Repeated failures make it pause, because the kernel reports a connection again and again if
/// it could not hand it over.
struct AcceptPace: Equatable, Sendable {
    enum Step: Equatable {
        /// Accept the next connection.
        case next
        /// Wait until the kernel has a connection.
        case wait
        /// Wait for ``AcceptReport/pause``.
        case pause
        /// The socket no longer listens: open another one.
        case reopen
    }

    /// Failures in a row after which the listener pauses.
    static let patience = 16

    private var failures = 0

    mutating func accepted() { self.failures = 0 }

    /// - Parameter isListening: whether the kernel reports that the socket listens; evaluated only if the failure may mean that it
    ///   does not.
    mutating func failed(_ failure: AcceptFailure, isListening: @autoclosure () -> Bool) -> Step {
        if failure == .noneWaiting {
            self.failures = 0
            return .wait
        }
        if failure == .other, !isListening() {
            self.failures = 0
            return .reopen
        }
        self.failures += 1
        if failure == .lack || self.failures >= Self.patience {
            self.failures = 0
            return .pause
        }
        return .next
    }
}
