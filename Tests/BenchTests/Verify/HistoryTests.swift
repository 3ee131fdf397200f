import Testing

@testable import ttms_bench

/// A checker that finds nothing proves nothing: each fault is made on purpose, and has to be found, and nothing else.
struct HistoryTests {
    /// A run of three terminals in which terminal 0 sends to terminal 1.
    private struct Run {
        var history = History(run: 7, terminals: 3, firstCCID: 100)

        mutating func sent(_ count: Int) -> [NumberedPayload] {
            defer {
                self.history.mark(0)
                self.history.confirm(0)
            }
            return (0..<count).map { _ in self.history.send(from: 0, to: 1) }
        }

        mutating func arrives(_ payload: NumberedPayload, connection: Int = 1, at receiver: Int = 1, from source: UInt32 = 100)
        {
            let bytes = payload.encoded(size: 50)
            self.history.receive(bytes[...], frameSource: source, receiver: receiver, connection: connection)
        }

        /// Everything that is not right.
        var faults: Tally {
            var tally = self.history.tally
            (tally.sent, tally.arrived, tally.redelivered, tally.foreign) = (0, 0, 0, 0)
            return tally
        }
    }

    @Test("Everything once and in order is clean")
    func clean() {
        var run = Run()
        for payload in run.sent(100) { run.arrives(payload) }
        #expect(run.faults == Tally())
        #expect(run.history.tally.arrived == 100)
        #expect(run.history.lost == 0)
        #expect(run.history.isComplete)
    }

    @Test("A dropped payload is lost, wherever it was", arguments: [0, 50, 99])
    func dropped(index: Int) {
        var run = Run()
        for (position, payload) in run.sent(100).enumerated() where position != index { run.arrives(payload) }
        #expect(run.history.lost == 1)
        #expect(!run.history.isComplete)
        #expect(run.faults == Tally())
    }

    @Test("All payloads dropped are lost")
    func allDropped() {
        var run = Run()
        _ = run.sent(100)
        #expect(run.history.lost == 100)
    }

    @Test("Two payloads that have changed places are out of order", arguments: [0, 50, 98])
    func swapped(index: Int) {
        var run = Run()
        var payloads = run.sent(100)
        payloads.swapAt(index, index + 1)
        for payload in payloads { run.arrives(payload) }
        #expect(run.faults == Tally(outOfOrder: 1))
        #expect(run.history.lost == 0)
    }

    @Test("A payload that comes twice on one connection is duplicated", arguments: [0, 50, 99])
    func doubled(index: Int) {
        var run = Run()
        for (position, payload) in run.sent(100).enumerated() {
            run.arrives(payload)
            if position == index { run.arrives(payload) }
        }
        #expect(run.faults == Tally(duplicated: 1))
        #expect(run.history.lost == 0)
    }

    @Test("A payload that comes again much later on the same connection is duplicated")
    func doubledLate() {
        var run = Run()
        let payloads = run.sent(10)
        for payload in payloads { run.arrives(payload) }
        run.arrives(payloads[2])
        #expect(run.faults == Tally(duplicated: 1))
    }

    @Test("A later connection may begin again with what had arrived; that is redelivered, and in order")
    func redelivered() {
        var run = Run()
        let payloads = run.sent(10)
        for payload in payloads[..<6] { run.arrives(payload, connection: 1) }
        for payload in payloads[3...] { run.arrives(payload, connection: 2) }
        #expect(run.faults == Tally())
        #expect(run.history.tally.redelivered == 3)
        #expect(run.history.isComplete)
    }

    @Test("Within a redelivery, what comes again is duplicated")
    func doubledInRedelivery() {
        var run = Run()
        let payloads = run.sent(3)
        for payload in payloads { run.arrives(payload, connection: 1) }
        for payload in [payloads[0], payloads[1], payloads[1], payloads[2]] { run.arrives(payload, connection: 2) }
        #expect(run.faults == Tally(duplicated: 1))
    }

    @Test("What arrives first on a later connection, after higher counters, is out of order")
    func overtaken() {
        var run = Run()
        let payloads = run.sent(3)
        run.arrives(payloads[0], connection: 1)
        run.arrives(payloads[2], connection: 1)
        run.arrives(payloads[1], connection: 2)
        #expect(run.faults == Tally(outOfOrder: 1))
    }

    @Test("A payload at another terminal is misdirected, and lost where it should be")
    func misdirected() {
        var run = Run()
        run.arrives(run.sent(1)[0], at: 2)
        #expect(run.faults == Tally(misdirected: 1))
        #expect(run.history.lost == 1)
    }

    @Test("A frame that names another source than its payload is misattributed")
    func misattributed() {
        var run = Run()
        run.arrives(run.sent(1)[0], from: 102)
        #expect(run.faults == Tally(misattributed: 1))
    }

    @Test("A payload that nobody sent is misattributed", arguments: [0, 2, UInt64.max])
    func invented(counter: UInt64) {
        var run = Run()
        _ = run.sent(1)
        run.arrives(NumberedPayload(run: 7, source: 100, destination: 101, counter: counter))
        #expect(run.faults == Tally(misattributed: 1))
    }

    @Test("A payload of another run is foreign, and no fault")
    func foreign() {
        var run = Run()
        run.arrives(NumberedPayload(run: 8, source: 100, destination: 101, counter: 1))
        #expect(run.faults == Tally())
        #expect(run.history.tally.foreign == 1)
    }

    @Test("One changed byte anywhere is corrupted")
    func corrupted() {
        var run = Run()
        let bytes = run.sent(1)[0].encoded(size: 40)
        for index in bytes.indices {
            var wrong = bytes
            wrong[index] ^= 1
            run.history.receive(wrong[...], frameSource: 100, receiver: 1, connection: 1)
        }
        run.history.receive(bytes.dropLast(), frameSource: 100, receiver: 1, connection: 1)
        run.history.receive([], frameSource: 100, receiver: 1, connection: 1)
        #expect(run.faults == Tally(corrupted: bytes.count + 2))
    }

    @Test("What was sent without receipt on a broken connection may be lost, the rest may not")
    func uncertain() {
        var run = Run()
        let confirmed = run.sent(2)
        _ = (0..<3).map { _ in run.history.send(from: 0, to: 1) }
        run.history.abandon(0)
        let later = run.sent(1)
        run.arrives(later[0])
        #expect(run.history.uncertain == 3)
        #expect(run.history.lost == 2)
        #expect(!run.history.isComplete)
        #expect(confirmed.map(\.counter) == [1, 2])
        #expect(later.map(\.counter) == [6])
    }

    @Test("What is uncertain may arrive, and counts once")
    func uncertainArrives() {
        var run = Run()
        let sent = (0..<3).map { _ in run.history.send(from: 0, to: 1) }
        run.history.abandon(0)
        run.history.abandon(0)
        #expect(run.history.uncertain == 3)
        run.arrives(sent[1])
        #expect(run.history.uncertain == 2)
        #expect(run.history.lost == 0)
        #expect(run.history.isComplete)
        run.arrives(sent[1])
        #expect(run.faults == Tally(duplicated: 1))
    }

    @Test("A report is clean only without any fault")
    func report() {
        func report(_ change: (inout Report) -> Void) -> Report {
            var report = Report(
                seed: 1,
                terminals: 3,
                tally: Tally(sent: 9, arrived: 9, redelivered: 3, foreign: 2),
                lost: 0,
                uncertain: 1,
                reconnections: 4,
                brokenConnections: 0,
                toleratesRestarts: false,
                givenUp: nil
            )
            change(&report)
            return report
        }
        let faults: [(inout Report) -> Void] = [
            { $0.lost = 1 }, { $0.tally.duplicated = 1 }, { $0.tally.outOfOrder = 1 }, { $0.tally.misdirected = 1 },
            { $0.tally.misattributed = 1 }, { $0.tally.corrupted = 1 }, { $0.brokenConnections = 1 }, { $0.givenUp = "late" },
        ]
        #expect(report { _ in }.isClean)
        for fault in faults { #expect(!report(fault).isClean) }
        let tolerant = report {
            $0.brokenConnections = 1
            $0.toleratesRestarts = true
        }
        #expect(tolerant.isClean)
    }
}
