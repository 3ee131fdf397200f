import Glibc
import Logging
import NIOCore
import RelayCore
import Testing

@testable import RelayServer

/// What a listener does when it cannot accept; the rest is AcceptTests and OpenFilesTests, with real ones.
@Suite struct AcceptPaceTests {
    private var pace = AcceptPace()

    @Test("for lack of files or memory it pauses at once", arguments: [EMFILE, ENFILE, ENOBUFS, ENOMEM])
    func lack(number: CInt) {
        var pace = self.pace
        #expect(pace.failed(AcceptFailure(number), isListening: true) == .pause)
        #expect(pace.failed(AcceptFailure(number), isListening: true) == .pause)
    }

    @Test(
        "a passing error concerns one connection; when it repeats, the listener pauses",
        arguments: [
            EPROTO, EPERM, ENETDOWN, EHOSTDOWN, EHOSTUNREACH, ENETUNREACH, EOPNOTSUPP, ENOPROTOOPT, ENONET, ETIMEDOUT,
            ECONNABORTED,
            EINTR, EINVAL, EBADF, 12_345,
        ]
    )
    func passing(number: CInt) {
        var pace = self.pace
        for _ in 0..<3 {
            for _ in 1..<AcceptPace.patience { #expect(pace.failed(AcceptFailure(number), isListening: true) == .next) }
            #expect(pace.failed(AcceptFailure(number), isListening: true) == .pause)
        }
        for _ in 0..<3 * AcceptPace.patience {
            #expect(pace.failed(AcceptFailure(number), isListening: true) == .next)
            pace.accepted()
        }
    }

    @Test("when no connection waits, it waits", arguments: [EAGAIN, EWOULDBLOCK])
    func none(number: CInt) {
        var pace = self.pace
        #expect(pace.failed(AcceptFailure(number), isListening: true) == .wait)
    }

    @Test("a socket that does not listen any more is replaced", arguments: [EINVAL, EBADF, ENOTSOCK])
    func closed(number: CInt) {
        var pace = self.pace
        #expect(pace.failed(AcceptFailure(number), isListening: false) == .reopen)
    }

    @Test("an error is logged once a minute, and trouble is over with the next connection, or a second later")
    func report() {
        let report = AcceptReport()
        let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
        #expect(report.failed(EPROTO, isPausing: false, now: start) && report.trouble(now: start) == nil)
        #expect(!report.failed(EPROTO, isPausing: false, now: start + .seconds(60)))
        #expect(report.failed(EMFILE, isPausing: true, now: start))
        #expect(report.trouble(now: start + .seconds(1))?.contains("LimitNOFILE") == true)
        #expect(report.trouble(now: start + .milliseconds(1_001)) == nil)
        report.recovered()
        #expect(report.trouble(now: start) == nil)
        #expect(report.failed(EPROTO, isPausing: false, now: start + .seconds(121)))
        #expect(report.failures == 4)
    }

    @Test("a part of a low limit is kept, and no more than needed of a high one")
    func headroom() {
        #expect([0, 100, 1_024, 1_000_000].map(FileHeadroom.size) == [0, 25, 256, 256])
        #expect(FileHeadroom.isThere(0))
    }

    @Test("options set on a listener are those of the connections that it accepts")
    func options() throws {
        let silent = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        let options = SocketOptions(TCPOptions(), logger: silent)
        let socket = try ListeningSocket(ListenerOptions(host: "127.0.0.1", port: 0), options)
        defer { socket.close() }
        #expect(socket.isListening && socket.accept().descriptor == -EAGAIN)
        let client = try TCPPair.connect(port: socket.address.port)
        defer { Glibc.close(client) }
        let (descriptor, addresses) = socket.accept()
        try #require(descriptor >= 0)
        defer { Glibc.close(descriptor) }
        #expect(options.areSet(on: descriptor) && options.failures == 0 && options.options.count == 8)
        #expect(addresses.remote.description.hasPrefix("127.0.0.1:") && addresses.local == socket.address)
        shutdown(socket.descriptor, CInt(SHUT_RDWR))
        #expect(!socket.isListening)
    }
}
