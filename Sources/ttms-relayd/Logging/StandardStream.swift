import Glibc

/// Standard output and standard error, which may be a full disk, a pipe without a reader, or closed.
enum StandardStream: CInt {
    case output = 1
    case error = 2

    /// The number of bytes that a pipe accepts without blocking when `poll` reports it as writable (POSIX: `PIPE_BUF`).
    private static let pieceBytes = 4_096

    /// Writes `text`, as much as can be written before `limit` is over.
    ///
    /// - Returns: the error number that prevented the write of the rest; `nil` when all is written.
    @discardableResult
    func write(_ text: String, within limit: Duration = .seconds(2)) -> CInt? {
        let deadline = ContinuousClock.now + limit
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            var request = pollfd(fd: self.rawValue, events: Int16(POLLOUT), revents: 0)
            let patience = max(0, (deadline - .now) / .milliseconds(1))
            let ready = poll(&request, 1, CInt(patience.rounded(.up)))
            if ready == 0 { return EAGAIN }
            let count = rest.withUnsafeBytes { Glibc.write(self.rawValue, $0.baseAddress, min($0.count, Self.pieceBytes)) }
            if count >= 0 {
                rest = rest.dropFirst(count)
            } else if errno != EINTR, errno != EAGAIN {
                return errno
            }
        }
        return nil
    }
}
