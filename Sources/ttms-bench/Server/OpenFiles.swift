import Glibc

/// Each connection is an open file, of the generator and of the server.
enum OpenFiles {
    /// What a process needs beside its connections.
    private static let reserved = 128

    /// Raises the soft limit of this process to the hard one.
    ///
    /// - Returns: how many files may be open now.
    static func raiseLimit() -> Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1_024 }
        let before = limit.rlim_cur
        limit.rlim_cur = limit.rlim_max
        if setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) != 0 { limit.rlim_cur = before }
        return Int(clamping: limit.rlim_cur)
    }

    /// Refuses a load that has more connections than the generator or the server may have.
    ///
    /// - Throws: ``LoadFailure``, with how many it may be.
    static func check(connections: Int, own: Int, server: Int?) throws(LoadFailure) {
        for (who, limit) in [("this process", own), ("the server", server ?? .max)]
        where connections + Self.reserved > limit {
            throw LoadFailure(
                """
                The scenario has \(connections) connections at once, and \(who) may have \(limit) open files. Let it have at most \
                \(max(0, limit - Self.reserved)) connections, or raise the limit (ulimit -Hn, LimitNOFILE of systemd). When only \
                the generator is short of files, share the terminals among several, with another --first-ccid each.
                """
            )
        }
    }
}
