import NIOCore
import RelayCore
import TTMSProtocol
import Testing

@Suite struct SessionTests {
    private let one = CCID(rawValue: 1)
    private let two = CCID(rawValue: 2)

    @Test func theFirstHeartbeatIsItsIdentity() {
        var session = Session()
        #expect(session.source == nil)
        #expect(session.heartbeatReceived(from: self.one, options: SessionOptions()) == .replyAndRegister)
        #expect(session.source == self.one)
        #expect(session.heartbeatReceived(from: self.one, options: SessionOptions()) == .reply)
        #expect(session.ccids == [self.one])
    }

    @Test func theLatestHeartbeatIsTheSource() {
        var session = Session()
        _ = session.heartbeatReceived(from: self.one, options: SessionOptions())
        #expect(session.heartbeatReceived(from: self.two, options: SessionOptions()) == .replyAndRegister)
        #expect(session.source == self.two)
        #expect(session.heartbeatReceived(from: self.one, options: SessionOptions()) == .reply)
        #expect(session.source == self.one)
        #expect(session.ccids == [self.one, self.two])
        #expect(session.count == 2)
    }

    @Test(arguments: [1, 2, 5]) func theNumberOfCCIDsIsLimited(maximum: Int) {
        var options = SessionOptions()
        options.maximumCCIDs = maximum
        var session = Session()
        for number in 0..<maximum {
            let action = session.heartbeatReceived(from: CCID(rawValue: UInt32(number)), options: options)
            #expect(action == .replyAndRegister)
        }
        let oneTooMany = session.heartbeatReceived(from: CCID(rawValue: .max), options: options)
        #expect(oneTooMany == .close(.tooManyCCIDs))
        #expect(session.count == maximum)
    }

    @Test func itClosesWhenTheLastCCIDIsTakenOver() {
        var session = Session()
        _ = session.heartbeatReceived(from: self.one, options: SessionOptions())
        _ = session.heartbeatReceived(from: self.two, options: SessionOptions())
        #expect(session.superseded(self.one) == nil)
        #expect(session.ccids == [self.two])
        #expect(session.superseded(self.two) == .superseded)
        #expect(session.count == 0)
    }

    @Test func aTakenOverCCIDCanComeBackByAHeartbeat() {
        var session = Session()
        _ = session.heartbeatReceived(from: self.one, options: SessionOptions())
        _ = session.heartbeatReceived(from: self.two, options: SessionOptions())
        _ = session.superseded(self.two)
        #expect(session.heartbeatReceived(from: self.two, options: SessionOptions()) == .replyAndRegister)
    }

    @Test(arguments: [
        (isRegistered: false, silence: 9_999, idle: 0, reason: CloseReason?.none),
        (false, 10_000, 0, .registrationTimeout),
        (true, 10_000, 0, nil),
        (true, 4_999, 5_000, nil),
        (true, 5_000, 5_000, .idleTimeout),
    ])
    func timeouts(isRegistered: Bool, silence: Int64, idle: Int64, reason: CloseReason?) {
        var options = SessionOptions()
        options.idleTimeout = .milliseconds(idle)
        var session = Session()
        if isRegistered { _ = session.heartbeatReceived(from: self.one, options: options) }
        let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
        let end = start + .milliseconds(silence)
        #expect(session.timeoutReached(lastReceived: start, now: end, options: options) == reason)
    }

    @Test func unknownCommandsCloseUnlessTheyAreIgnored() {
        var options = SessionOptions()
        #expect(Session().unknownCommandReceived(options: options) == .unknownCommand)
        options.unknownCommand = .ignore
        #expect(Session().unknownCommandReceived(options: options) == nil)
    }
}
