import NIOCore
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Attempts to accept connections that failed or were not made: counted, and reported to the log and to health checks.
final class AcceptReport: Sendable {
    /// How long a listener pauses before it tries again.
    static let pause = TimeAmount.milliseconds(100)
    /// How long after the last failure the trouble is over: each ``pause`` ends with another attempt.
    private static let recovery = TimeAmount.seconds(1)
    /// How long failures of one kind are not logged again.
    private static let quiet = TimeAmount.minutes(1)

    private struct State {
        var failures: UInt64 = 0
        /// The latest failure that made a listener pause.
        var trouble: (number: CInt, at: NIODeadline)?
        /// When a failure with this errno came last.
        var latest: [CInt: NIODeadline] = [:]
    }

    private let state = Mutex(State())

    /// Attempts that failed or were not made.
    var failures: UInt64 { self.state.withLock(\.failures) }

    /// An attempt failed with the errno `number`, or was not made because it would have.
    ///
    /// - Parameter isPausing: whether the listener pauses, so that connections wait.
    /// - Returns: whether it has to be logged.
    func failed(_ number: CInt, isPausing: Bool, now: NIODeadline) -> Bool {
        self.state.withLock { state in
            state.failures += 1
            if isPausing { state.trouble = (number, now) }
            let last = state.latest.updateValue(now, forKey: number)
            return last.map { now - $0 > Self.quiet } ?? true
        }
    }

    /// A connection was accepted: what kept others waiting is over.
    func recovered() { self.state.withLock { $0.trouble = nil } }

    /// What keeps connections from being accepted, and what to do; `nil` when nothing does.
    func trouble(now: NIODeadline) -> String? {
        guard let (number, time) = self.state.withLock(\.trouble), now - time <= Self.recovery else { return nil }
        return Self.advice(number)
    }

    /// What the errno of a failed attempt means, and what to do.
    static func advice(_ number: CInt) -> String {
        let meaning = "New connections wait; those that are open are served."
        switch number {
        case EMFILE:
            return "The process has as many files open as it may, but for a few that it keeps for itself. \(meaning) "
                + "Raise its limit (LimitNOFILE, ulimit -n), or lower maximum_connections."
        case ENFILE:
            return "The system has as many files open as it may. \(meaning) "
                + "Raise its limit (sysctl fs.file-max), or end what holds them."
        case ENOBUFS, ENOMEM:
            return "The system has no memory for another socket. \(meaning) Give it more, or end what holds it."
        case EPERM, EACCES:
            return
                "The system does not let the relay accept a connection (errno \(number)). Look for a firewall, a security module "
                + "or a system call filter that forbids it."
        default:
            return
                "The system reported an error for a connection that it had taken (errno \(number)). If it lasts, look at the "
                + "machine's network and at the kernel's log."
        }
    }
}
