import NIOCore

#if canImport(Glibc)
import Glibc
#endif

/// The files that the process may still open, and that are reserved from terminals.
///
/// The store and an operator's diagnosis need some. So does libdispatch, on which Swift's tasks run: it ends the process when it
/// cannot open the files of its threads' state.
enum FileHeadroom {
    /// The number reserved: more than the connections accepted at once, on more than one listener. Of a low limit, a part.
    static func size(of limit: Int) -> Int { min(256, limit / 4) }

    /// Whether there are enough. The limit may have been lowered since the last time.
    ///
    /// - Parameter descriptor: any open descriptor.
    static func isThere(_ descriptor: CInt) -> Bool {
        // The kernel returns the lowest free number, so none below it is free.
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
