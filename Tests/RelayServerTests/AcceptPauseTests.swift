import Glibc
import Logging
import NIOCore
import NIOEmbedded
import Testing

@testable import RelayServer

/// What a listener does when it cannot accept; the rest is OpenFilesTests, with a real one.
@Suite struct AcceptPauseTests {
    private let report = AcceptReport()
    private let channel = EmbeddedChannel()

    init() throws {
        let silent = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        try self.channel.pipeline.syncOperations.addHandler(AcceptPause(self.report, silent))
    }

    private func fail(_ number: CInt) {
        self.channel.pipeline.fireErrorCaught(IOError(errnoCode: number, reason: "accept4"))
    }

    /// What was set last; the channel itself says that it reads, whatever was set.
    private var isAccepting: Bool {
        self.channel.options.compactMap { $0.option is ChannelOptions.Types.AutoReadOption ? $0.value as? Bool : nil }.last
            ?? true
    }

    @Test(
        "For lack of files or memory it waits, once for several failures, and tries again",
        arguments: [EMFILE, ENFILE, ENOMEM]
    )
    func lack(number: CInt) {
        self.fail(number)
        #expect(!self.isAccepting)
        self.fail(number)
        #expect(self.report.failures == 2)
        #expect(self.report.trouble(now: .now()) != nil)
        self.channel.embeddedEventLoop.advanceTime(by: AcceptReport.pause - .nanoseconds(1))
        #expect(!self.isAccepting)
        self.channel.embeddedEventLoop.advanceTime(by: .nanoseconds(1))
        #expect(self.isAccepting)
        self.fail(number)
        #expect(!self.isAccepting)
    }

    @Test("Where one connection was the trouble, it goes on")
    func oneConnection() {
        self.fail(ECONNABORTED)
        #expect(throws: IOError.self) { try self.channel.throwIfErrorCaught() }
        #expect(self.isAccepting)
        #expect(self.report.failures == 0)
    }

    @Test("A part of a low limit is kept, and no more than needed of a high one")
    func headroom() {
        #expect([0, 100, 1_024, 1_000_000].map(FileHeadroom.size) == [0, 25, 256, 256])
        #expect(FileHeadroom.isThere(0))
    }
}
