import Foundation
import Logging

/// Raises the soft limit of open files to the hard one. Each terminal is an open file, and the soft limit is often 1024, for
/// programs that use `select`.
enum OpenFiles {
    /// Files that the store and the logs need.
    private static let ofStore = 256 + 64

    /// Files that the process needs besides terminals, of `limit` that it may open: those of the store, the admin API and the
    /// log.
    static func reserved(of limit: Int) -> Int { min(max(512, limit / 8), 2_400) }

    /// Connections to the admin API, of `limit` files that may be open.
    static func adminConnections(of limit: Int) -> Int { Self.reserved(of: limit) - Self.ofStore }

    /// - Returns: the number of files that may be open now.
    @discardableResult
    static func raiseLimit(logger: Logger) -> Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1_024 }
        let before = limit.rlim_cur
        limit.rlim_cur = limit.rlim_max
        if setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) != 0 {
            limit.rlim_cur = before
            logger.warning("The limit of open files could not be raised", metadata: ["limit": "\(before)"])
        }
        return Int(clamping: limit.rlim_cur)
    }
}
