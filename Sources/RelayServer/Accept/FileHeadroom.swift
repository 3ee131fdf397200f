import NIOCore

#if canImport(Glibc)
import Glibc
#endif

/// Files that the process may still open, and that no terminal gets.
///
/// Whoever has to find out why nobody can connect, and the store, need some; and libdispatch, on which Swift's tasks run, ends the
/// process when it wants to see what its threads do and cannot open their files.
enum FileHeadroom {
    /// More than what is accepted at once, on more than one listener. Of a low limit, a part.
    static func size(of limit: Int) -> Int { min(256, limit / 4) }

    /// Whether there are enough. The limit may have been lowered since the last time.
    ///
    /// - Parameter descriptor: any open one.
    static func isThere(_ descriptor: CInt) -> Bool {
        // The kernel gives the lowest number that is free: none below it is.
        let lowest = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
        guard lowest >= 0 else { return errno == EBADF }
        close(lowest)
        return Int(lowest) < self.firstReserved
    }

    /// The lowest number that no terminal's file may have, by the limit as it is now.
    static var firstReserved: Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return .max }
        let limitNumber = Int(clamping: limit.rlim_cur)
        return limitNumber - self.size(of: limitNumber)
    }
}
