import CMicroHTTPD
import Glibc
import Synchronization

/// Ends connections whose client takes too long to send a request, or to read an answer, or has gone without being seen to.
///
/// libmicrohttpd's own timeout is one of silence: a client that sends one byte now and then would hold its connection, of which
/// there are few, for ever. And it can miss that a client is gone: it asks epoll for edges, and takes a read that does not fill
/// its buffer for the last of an edge, so that a FIN which came together with an unfinished request is never read.
///
/// A descriptor is known here only between the library's `opened` and `closed`, and it is shut down under the same lock, so a
/// number that has been given to another file meanwhile is never touched.
final class ConnectionDeadlines: Sendable {
    /// By descriptor; `nil` while the relay itself is at work.
    private let deadlines = Mutex<[Int32: ContinuousClock.Instant?]>([:])
    private let timeout: Duration

    init(timeout: Duration) {
        self.timeout = timeout
    }

    /// The client is to send a request.
    func opened(_ descriptor: Int32) {
        let deadline = ContinuousClock.now + self.timeout
        self.deadlines.withLock { $0[descriptor] = .some(deadline) }
    }

    /// The descriptor is about to be closed.
    func closed(_ descriptor: Int32) {
        _ = self.deadlines.withLock { $0.removeValue(forKey: descriptor) }
    }

    /// It is the client's turn: to send the next request, or to read an answer.
    func restart(_ descriptor: Int32) {
        self.set(ContinuousClock.now + self.timeout, for: descriptor)
    }

    /// It is the relay's turn.
    func pause(_ descriptor: Int32) {
        self.set(nil, for: descriptor)
    }

    /// Shuts down what is over its deadline, and gives the library another edge for each client that has sent its FIN: it then sees the
    /// end of the stream, and closes it.
    func sweep(now: ContinuousClock.Instant) {
        self.deadlines.withLock { deadlines in
            for (descriptor, deadline) in deadlines {
                guard let deadline else { continue }
                if deadline < now {
                    shutdown(descriptor, Int32(SHUT_RDWR))
                    deadlines.updateValue(nil, forKey: descriptor)
                } else if ttms_http_has_ended(descriptor) {
                    // That direction is over: what came before the FIN can still be read, and answers can be sent.
                    shutdown(descriptor, Int32(SHUT_RD))
                }
            }
        }
    }

    /// Cuts off a client that has ended its side although nothing more than an answer that goes on was expected of it: it has gone.
    ///
    /// - Returns: whether it had.
    func cutOffIfEnded(_ descriptor: Int32) -> Bool {
        self.deadlines.withLock { deadlines in
            guard deadlines.index(forKey: descriptor) != nil, ttms_http_has_ended(descriptor) else { return false }
            shutdown(descriptor, Int32(SHUT_RDWR))
            return true
        }
    }

    private func set(_ deadline: ContinuousClock.Instant?, for descriptor: Int32) {
        self.deadlines.withLock { deadlines in
            guard deadlines.index(forKey: descriptor) != nil else { return }
            deadlines.updateValue(deadline, forKey: descriptor)
        }
    }
}
