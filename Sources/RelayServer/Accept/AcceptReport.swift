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
    /// The pause of a listener before it tries again.
    static let pause = TimeAmount.milliseconds(100)
    /// The time after the last failure at which the trouble has ended: each ``pause`` ends with another attempt.
    private static let recovery = TimeAmount.seconds(1)
    /// The time for which failures of one kind are not logged again.
    private static let quiet = TimeAmount.minutes(1)

    private struct State {
        var failures: UInt64 = 0
        /// The latest failure that made a listener pause.
        var trouble: (number: CInt, at: NIODeadline)?
        /// The time of the last failure, by errno.
        var latest: [CInt: NIODeadline] = [:]
    }

    private let state = Mutex(State())

    /// Attempts that failed or were not made.
    var failures: UInt64 { self.state.withLock(\.failures) }

    /// Records that an attempt failed with the errno `number`, or was not made because it would have failed.
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

    /// Records that a connection was accepted, so that the cause of earlier pauses has ended.
    func recovered() { self.state.withLock { $0.trouble = nil } }

    /// The cause that prevents connections from being accepted, and its remedy; `nil` when there is none.
    func trouble(now: NIODeadline) -> String? {
        guard let (number, time) = self.state.withLock(\.trouble), now - time <= Self.recovery else { return nil }
        return Self.advice(number)
    }

    /// The meaning of the errno of a failed attempt, and the remedy.
    static func advice(_ number: CInt) -> String {
        let meaning = "New connections wait; those that are open are served."
        switch number {
        case EMFILE:
            return "The process has opened as many files as its limit allows, except for a few that it reserves. \(meaning) "
                + "Raise its limit (LimitNOFILE, ulimit -n), or lower maximum_connections."
        case ENFILE:
            return "The system has opened as many files as its limit allows. \(meaning) "
                + "Raise its limit (sysctl fs.file-max), or end what holds them."
        case ENOBUFS, ENOMEM:
            return "The system has no memory for another socket. \(meaning) Give it more, or end what holds it."
        case EPERM, EACCES:
            return
                "The system does not let the relay accept a connection (errno \(number)). Check for a firewall, a security module "
                + "or a system call filter that forbids it."
        default:
            return
                "The system reported an error for a connection that it had accepted (errno \(number)). If it lasts, check the "
                + "machine's network and the kernel's log."
        }
    }
}
