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

    /// Files that the process has open before it serves anybody: standard streams, the store, listeners, the admin API.
    private static let ofStart = 40
    /// Files of one event loop: its epoll instance, its event and its timer.
    private static let ofEventLoop = 3

    /// Checks that the limit is enough for a start. SwiftNIO ends the process when an event loop finds no file.
    ///
    /// - Throws: ``TooFewOpenFiles``.
    static func require(_ limit: Int, eventLoops: Int) throws(TooFewOpenFiles) {
        let needed = Self.ofStart + Self.ofEventLoop * eventLoops
        guard limit >= needed else { throw TooFewOpenFiles(limit: limit, needed: needed, eventLoops: eventLoops) }
    }

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

/// The process may open too few files to start.
struct TooFewOpenFiles: Error, CustomStringConvertible {
    var limit: Int
    var needed: Int
    var eventLoops: Int

    var description: String {
        "The relay may open \(self.limit) files, and needs \(self.needed) to start with event_loops: \(self.eventLoops), and one more for "
            + "each terminal. Raise its limit of open files (systemd: LimitNOFILE; shell: ulimit -n; Docker: --ulimit nofile)."
    }
}
