import Glibc

/// The limits of open files: each connection is one of the generator and one of the server.
enum OpenFiles {
    /// Files that a process needs besides its connections.
    private static let reserved = 128

    /// Raises the soft limit of this process to the hard one.
    ///
    /// - Returns: the number of files that may be open now.
    static func raiseLimit() -> Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1_024 }
        let before = limit.rlim_cur
        limit.rlim_cur = limit.rlim_max
        if setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) != 0 { limit.rlim_cur = before }
        return Int(clamping: limit.rlim_cur)
    }

    /// Refuses a load with more connections than the generator or the server may have.
    ///
    /// - Throws: ``LoadFailure``, with the allowed number.
    static func check(connections: Int, own: Int, server: Int?) throws(LoadFailure) {
        for (process, limit) in [("this process", own), ("the server", server ?? .max)]
        where connections + Self.reserved > limit {
            throw LoadFailure(
                """
                The scenario has \(connections) connections at once, and \(process) may have \(limit) open files. Give it at \
                most \(max(0, limit - Self.reserved)) connections, or raise the limit (ulimit -Hn, LimitNOFILE of systemd). If \
                only the generator has too few files, share the terminals among several, each with its own --first-ccid.
                """
            )
        }
    }
}
