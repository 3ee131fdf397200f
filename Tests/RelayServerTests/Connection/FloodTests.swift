import NIOCore
import RelayCore
import TTMSProtocol
import Testing

@testable import RelayServer

/// What floods of connections may use up: the log, the history, one terminal's takeovers.
@Suite struct FloodTests {
    private static let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    @Test("takeovers are immediate after a quiet time, and then come at a steady rate")
    func pace() {
        var pace = TakeoverPace(now: Self.start)
        for _ in 0..<TakeoverPace.burst {
            #expect(pace.due(now: Self.start) <= Self.start)
            pace.tookOver(now: Self.start)
        }
        var now = Self.start
        for _ in 0..<5 {
            #expect(pace.due(now: now) == now + TakeoverPace.interval)
            now = pace.due(now: now)
            #expect(!pace.isIdle(now: now))
            pace.tookOver(now: now)
        }
        now = now + .seconds(60)
        #expect(pace.isIdle(now: now) && pace.due(now: now) <= now)
    }

    @Test("of each reason some are logged at once, the others are summarised")
    func closureLog() throws {
        let log = ClosureLog()
        let address = PeerAddress(high: 0, low: 0xffff_c000_0207, port: 1)
        var logged = 0
        for _ in 0..<1_000 where log.admits(.badHeader, address, now: Self.start) { logged += 1 }
        #expect(logged == ClosureLog.burst)
        let isOtherReasonLogged = log.admits(.kicked, address, now: Self.start)
        #expect(isOtherReasonLogged)
        let taken = log.takeSummary(now: Self.start)
        let summary = try #require(taken)
        #expect(summary.connections == UInt64(1_000 - ClosureLog.burst) && summary.example == address)
        let nothing = log.takeSummary(now: Self.start + .seconds(60))
        #expect(nothing == nil)
        let later = Self.start + ClosureLog.interval
        let isFirstLogged = log.admits(.badHeader, address, now: later)
        let isSecondLogged = log.admits(.badHeader, address, now: later)
        #expect(isFirstLogged && !isSecondLogged)
        let tooSoon = log.takeSummary(now: later)
        #expect(tooSoon == nil)
    }

    @Test("one key does not wash the others away, and has all the room while nobody else needs it")
    func history() {
        var history = SharedHistory<Int, Int>(limit: 100)
        for number in 0..<1_000 { history.append(number, keys: [7]) }
        #expect(history.all.sorted() == Array(900..<1_000))
        for number in 1_000..<1_095 { history.append(number, keys: [number]) }
        for number in 2_000..<100_000 { history.append(number, keys: [8, 9]) }
        let kept = Set(history.all)
        #expect(kept.count == 100)
        #expect((1_005..<1_095).allSatisfy(kept.contains))
        #expect((99_990..<100_000).allSatisfy(kept.contains))
    }

    @Test("a list of CCIDs holds what was added and not removed, with an index and without", arguments: [4, 16, 17, 1_000])
    func ccids(count: Int) {
        var session = Session()
        var options = SessionOptions()
        options.maximumCCIDs = 2_000
        let ccids = (0..<count).map { CCID(rawValue: UInt32($0)) }
        for ccid in ccids { #expect(session.heartbeatReceived(from: ccid, options: options) == .replyAndRegister) }
        for ccid in ccids { #expect(session.heartbeatReceived(from: ccid, options: options) == .reply) }
        #expect(Set(session.ccids) == Set(ccids) && session.count == count)
        #expect(session.shownCCIDs(3).ccids.count == 3 && session.shownCCIDs(3).count == count)
        for (index, ccid) in ccids.enumerated() {
            #expect(session.superseded(ccid) == (index + 1 == count ? .superseded : nil))
            #expect(!session.holds(ccid) && session.count == count - index - 1)
            #expect(ccids[(index + 1)...].allSatisfy(session.holds))
        }
    }
}
