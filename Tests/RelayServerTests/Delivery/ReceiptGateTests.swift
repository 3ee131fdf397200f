import NIOCore
import RelayCore
import TTMSProtocol
import Testing

@testable import RelayServer

/// The gate of receipts, event by event: a receipt that comes too early breaks G5, one that never comes breaks G8.
struct ReceiptGateTests {
    private let one = CCID(rawValue: 1)
    private let two = CCID(rawValue: 2)
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    private func wait(for destinations: [CCID]?, submission: UInt64, request: ReceiptRequest = ReceiptRequest()) -> ReceiptWait
    {
        ReceiptWait(time: self.start, submission: submission, destinations: destinations, request: request) {}
    }

    private func gate(_ waits: ReceiptWait...) -> ReceiptGate {
        let gate = ReceiptGate()
        for wait in waits { gate.add(wait) }
        return gate
    }

    @Test(
        "Given a wait for a submission, when commits come, then it ends with the one that makes its frames durable",
        arguments: [(0, false), (4, false), (5, true), (6, true)]
    )
    func commits(committed: UInt64, ends: Bool) {
        let gate = self.gate(self.wait(for: [self.one], submission: 5))
        #expect(gate.mayEnd(committed: committed) == ends)
        #expect(gate.takeSafe(committed: committed) { _ in true }.count == (ends ? 1 : 0))
        #expect(gate.isEmpty == ends)
    }

    @Test("Given frames still in flight, when the submission is durable, then the receipt waits on")
    func inFlight() {
        let gate = self.gate(self.wait(for: [self.one], submission: 5))
        #expect(gate.takeSafe(committed: 5) { _ in false }.isEmpty)
        #expect(!gate.isEmpty)
    }

    /// A report of frames that go to the store, and whether it concerns a wait.
    struct Report: Sendable, CustomTestStringConvertible {
        var name: String
        var destinations: [CCID]?
        var report: @Sendable (ReceiptGate) -> Void
        var isRaised: Bool
        var testDescription: String { self.name }

        init(_ name: String, _ destinations: [UInt32]?, raises: Bool, _ report: @escaping @Sendable (ReceiptGate) -> Void) {
            self.name = name
            self.destinations = destinations?.map(CCID.init(rawValue:))
            self.isRaised = raises
            self.report = report
        }
    }

    private static let time = NIODeadline.uptimeNanoseconds(1_000_000_000)
    private static let later = Self.time + .nanoseconds(1)
    private static let first = CCID(rawValue: 1)

    static let reports = [
        Report("its terminal, same time", [1], raises: true) { $0.stored(Self.first, since: Self.time, in: 8) },
        Report("its terminal, put later", [1], raises: false) { $0.stored(Self.first, since: Self.later, in: 8) },
        Report("another terminal", [2], raises: false) { $0.stored(Self.first, since: Self.time, in: 8) },
        Report("one of its terminals", [2, 1], raises: true) { $0.stored(Self.first, since: Self.time, in: 8) },
        Report("any, for a wait for all", nil, raises: true) { $0.stored(Self.first, since: Self.time, in: 8) },
        Report("in flight, for a wait for all", nil, raises: true) { $0.storedInFlight(since: Self.time, in: 8) },
        Report("in flight and put later", nil, raises: false) { $0.storedInFlight(since: Self.later, in: 8) },
        Report("in flight, seen in the window", [1], raises: false) { $0.storedInFlight(since: Self.time, in: 8) },
    ]

    @Test("Given a wait, when frames go to the store, then it needs their submission if they are its own", arguments: reports)
    func raises(report: Report) {
        let gate = self.gate(self.wait(for: report.destinations, submission: 5))
        report.report(gate)
        #expect(gate.waits.map(\.submission) == [report.isRaised ? 8 : 5])
    }

    @Test("Given held frames, when they are put, then receipts wait for what is put until now")
    func heldFramesArePut() {
        let gate = self.gate(self.wait(for: [self.one], submission: 0), self.wait(for: [self.two], submission: 0))
        gate.put(self.one, heldSince: self.start, at: self.start + .milliseconds(3))
        #expect(gate.waits.map(\.time) == [self.start + .milliseconds(3), self.start])
        #expect(gate.oldest == self.start)
    }

    @Test("Given a request that ended, when waits are checked or cleared, then it is forgotten without a receipt")
    func unwanted() {
        let request = ReceiptRequest()
        let gate = self.gate(self.wait(for: nil, submission: 1, request: request), self.wait(for: nil, submission: 1))
        request.end()
        #expect(gate.takeSafe(committed: 1) { _ in false }.isEmpty)
        #expect(gate.waits.count == 1)
        gate.waits[0].request.end()
        gate.removeUnwanted()
        #expect(gate.isEmpty)
    }

    @Test("Given a check that is requested, when another is wanted, then it is requested after the first has begun")
    func checks() {
        let gate = self.gate(self.wait(for: nil, submission: 2))
        #expect(!gate.requestCheck(committed: 1))
        #expect(gate.requestCheck(committed: 2))
        #expect(!gate.requestCheck(committed: 2))
        gate.checkBegins()
        #expect(gate.requestCheck(committed: 2))
    }

    // MARK: Which submission

    @Test("Given frames for known terminals, then the latest of their submissions counts, and others' do not")
    func knownTerminals() {
        let appended: [CCID: UInt64] = [self.one: 4, self.two: 9]
        let gate = ReceiptGate()
        #expect(gate.submission(of: [self.one], storedIn: 0) { appended[$0] } == 4)
        #expect(gate.submission(of: [self.one, self.two], storedIn: 0) { appended[$0] } == 9)
        #expect(gate.submission(of: [self.one], storedIn: 6) { appended[$0] } == 6)
        #expect(gate.submission(of: [], storedIn: 0) { appended[$0] } == 0)
    }

    @Test(
        "Given a terminal that is not here, then frames from another event loop for it may be in the latest that it handed over"
    )
    func handedOver() {
        let gate = ReceiptGate()
        gate.storedForOthers(in: 7)
        #expect(gate.submission(of: [self.one], storedIn: nil) { _ in nil } == 7)
        #expect(gate.submission(of: [self.one], storedIn: 3) { _ in nil } == 3)
        #expect(gate.submission(of: [self.one], storedIn: nil) { _ in 2 } == 2)
    }

    @Test("Given a terminal that departed, then its submission counts until it is durable")
    func departed() {
        let gate = ReceiptGate()
        gate.departed(self.one, submission: 6)
        #expect(gate.submission(of: [self.one], storedIn: 0) { _ in nil } == 6)
        #expect(gate.submission(of: [self.two], storedIn: 0) { _ in nil } == 0)
        gate.committed(5)
        #expect(gate.submission(of: [self.one], storedIn: 0) { _ in nil } == 6)
        gate.committed(6)
        #expect(gate.submission(of: [self.one], storedIn: 0) { _ in nil } == 0)
    }

    @Test("Given more departures than are told apart, then receipts wait for the latest of them")
    func manyDepartures() {
        let gate = ReceiptGate()
        for number in 1...1_001 as ClosedRange<UInt32> {
            gate.departed(CCID(rawValue: number), submission: UInt64(number))
        }
        #expect(gate.submission(of: [CCID(rawValue: 5_000)], storedIn: 0) { _ in nil } == 1_001)
    }
}
