import NIOCore
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Attempts to accept connections that failed, or were not made, because the process or the system had nothing left to make one of.
///
/// The kernel then keeps the connection waiting and says at once, again and again, that it does: without a pause the event loop
/// would do nothing but ask.
final class AcceptReport: Sendable {
    /// How long a listener waits before it asks again.
    static let pause = TimeAmount.milliseconds(100)
    /// So long after the last failure it is over: whoever waits is asked for every ``pause``, and nobody may be waiting.
    private static let recovery = TimeAmount.seconds(1)
    /// Failures that come sooner after another are the same trouble, and no news.
    private static let quiet = TimeAmount.minutes(1)

    private struct State {
        var failures: UInt64 = 0
        var last: (number: CInt, at: NIODeadline)?
    }

    private let state = Mutex(State())

    /// Attempts that have failed, or were not made.
    var failures: UInt64 { self.state.withLock(\.failures) }

    /// An attempt failed with the errno `number`.
    ///
    /// - Returns: `nil` when that is no lack of anything: the next attempt may succeed at once. Otherwise whether it is news.
    func failed(_ number: CInt, now: NIODeadline) -> Bool? {
        guard Self.advice(number) != nil else { return nil }
        return self.state.withLock { state in
            defer { state.last = (number, now) }
            state.failures += 1
            return state.last.map { now - $0.at > Self.quiet } ?? true
        }
    }

    /// What keeps connections from being accepted, and what to do; `nil` when nothing does.
    func trouble(now: NIODeadline) -> String? {
        guard let (number, time) = self.state.withLock(\.last), now - time <= Self.recovery else { return nil }
        return Self.advice(number)
    }

    /// What the errno of a failed attempt means, and what to do; `nil` when it is about one connection only.
    static func advice(_ number: CInt) -> String? {
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
        default: return nil
        }
    }
}
