import NIOCore
import RelayCore
import TTMSProtocol
import Testing

@Suite struct DeliveryWindowTests {
    private let one = CCID(rawValue: 1)
    private let two = CCID(rawValue: 2)
    private let now = NIODeadline.uptimeNanoseconds(1_000)

    private func delivered(_ window: inout DeliveryWindow, upTo offset: UInt64) -> [DeliveryWindow.Run] {
        var runs: [DeliveryWindow.Run] = []
        window.acknowledge(upTo: offset) { runs.append($0) }
        return runs
    }

    @Test func framesForOneTerminalMakeOneRun() {
        var window = DeliveryWindow()
        for index in 0..<100 {
            window.append(owner: self.one, offset: UInt64(index * 20), size: 20, saysItsSize: true, now: self.now)
        }
        #expect(window.frames == 100)
        #expect(self.delivered(&window, upTo: 1_999).isEmpty)
        let runs = self.delivered(&window, upTo: 2_000)
        #expect(runs.map(\.frames) == [100])
        #expect(runs.map(\.end) == [2_000])
        #expect(window.isEmpty)
    }

    @Test func everythingOfSomeTerminalsIsTakenOutInItsOrder() {
        var window = DeliveryWindow()
        let owners = (1...5).map { CCID(rawValue: UInt32($0)) }
        for index in 0..<20 {
            window.append(owner: owners[index % 5], offset: UInt64(index * 20), size: 20, saysItsSize: true, now: self.now)
        }
        let taken = window.removeAll(of: [owners[1], owners[3], CCID(rawValue: 9)])
        #expect(taken.mapValues { $0.map(\.start) } == [owners[1]: [20, 120, 220, 320], owners[3]: [60, 160, 260, 360]])
        #expect(self.delivered(&window, upTo: 400).map(\.owner.rawValue) == [1, 3, 5, 1, 3, 5, 1, 3, 5, 1, 3, 5])
        let rest = window.removeAll(of: owners)
        #expect(rest.isEmpty)
    }

    /// Looks for the journal begin where the last one ended, and receipts are looked up behind the last one.
    @Test func journalAndReceiptsGoOnWhereTheyWere() {
        var window = DeliveryWindow()
        func append(_ indices: Range<Int>) {
            for index in indices {
                let owner = index.isMultiple(of: 2) ? self.one : self.two
                window.append(owner: owner, offset: UInt64(index * 20), size: 20, saysItsSize: true, now: self.now)
            }
        }
        func journal(_ owner: CCID? = nil) -> [UInt64] {
            var starts: [UInt64] = []
            window.journal(owner: owner) { run in
                starts.append(run.start)
                return UInt32(run.start)
            }
            return starts
        }
        append(0..<4)
        #expect(journal(self.two) == [20, 60])
        #expect(journal() == [0, 40])
        #expect(window.oldestUnjournaled == nil)
        append(4..<6)
        #expect(window.hasUnjournaled(since: self.now) && window.unjournaledFrames == 2)
        #expect(journal() == [80, 100])
        // The first two are delivered; receipts come in another order than the runs.
        #expect(self.delivered(&window, upTo: 40).map(\.start) == [0, 20])
        let mark = StoredRun.Mark(end: 20, id: MessageID(slot: 1, sequence: 1))
        let known = [80, 40, 0].map { window.journaled(token: $0, marks: [mark]) }
        #expect(known == [true, true, false])
        window.journalRefused(token: 60)
        #expect(window.oldestUnjournaled == self.now && window.unjournaledFrames == 1)
        let again = [journal(self.one), journal(self.two)]
        #expect(again == [[], [60]])
        let last = [60, 100].map { window.journaled(token: $0, marks: [mark]) }
        #expect(last == [true, true])
        #expect(!window.hasUnsafe(since: self.now))
    }

    @Test func whatStandsBehindWithdrawnBytesMovesUp() {
        var window = DeliveryWindow()
        for (index, owner) in [self.two, self.one, self.two, self.one, self.two].enumerated() {
            window.append(owner: owner, offset: UInt64(index * 20), size: 20, saysItsSize: true, now: self.now)
        }
        let taken = window.removeAll(of: self.one)
        window.withdraw(taken.map { $0.start..<$0.end })
        window.append(owner: self.two, offset: 60, size: 20, saysItsSize: true, now: self.now)
        let runs = self.delivered(&window, upTo: 80)
        #expect(runs.map(\.start) == [0, 20, 40, 60])
        #expect(runs.map(\.end) == [20, 40, 60, 80])
    }

    @Test func anotherTerminalOrAReplyInBetweenBeginsAnotherRun() {
        var window = DeliveryWindow()
        window.append(owner: self.one, offset: 0, size: 20, saysItsSize: true, now: self.now)
        window.append(owner: self.two, offset: 20, size: 20, saysItsSize: true, now: self.now)
        // 17 bytes of a heartbeat reply.
        window.append(owner: self.two, offset: 57, size: 20, saysItsSize: true, now: self.now)
        let runs = self.delivered(&window, upTo: 1_000)
        #expect(runs.map(\.owner) == [self.one, self.two, self.two])
        #expect(runs.map(\.start) == [0, 20, 57])
    }

    @Test func aRunIsDeliveredWithItsLastByteAndNotBefore() {
        var window = DeliveryWindow()
        window.append(owner: self.one, offset: 0, size: 20, saysItsSize: true, now: self.now)
        window.append(owner: self.two, offset: 20, size: 20, saysItsSize: true, now: self.now)
        #expect(self.delivered(&window, upTo: 19).isEmpty)
        #expect(self.delivered(&window, upTo: 39).map(\.owner) == [self.one])
        #expect(window.start == 20)
        #expect(self.delivered(&window, upTo: 40).map(\.owner) == [self.two])
        #expect(window.start == nil)
    }

    @Test func theRunsOfOneTerminalCanBeTakenOut() {
        var window = DeliveryWindow()
        window.append(owner: self.one, offset: 0, size: 20, saysItsSize: true, now: self.now)
        window.append(owner: self.two, offset: 20, size: 20, saysItsSize: true, now: self.now)
        window.append(owner: self.one, offset: 40, size: 20, saysItsSize: true, now: self.now)
        #expect(window.removeAll(of: self.one).map(\.start) == [0, 40])
        #expect(self.delivered(&window, upTo: 60).map(\.owner) == [self.two])
    }

    @Test func storedRunsKeepTheirMarks() {
        var window = DeliveryWindow()
        let marks = [StoredRun.Mark(end: 20, id: MessageID(rawValue: 7)), .init(end: 50, id: MessageID(rawValue: 8))]
        window.append(owner: self.one, offset: 100, bytes: 50, stored: marks, now: self.now)
        window.append(owner: self.one, offset: 150, size: 20, saysItsSize: true, now: self.now)
        let runs = self.delivered(&window, upTo: 170)
        #expect(runs.map(\.copy) == [.stored(marks), .none])
        #expect(runs.map(\.frames) == [2, 1])
    }

    @Test func journaledRunsBecomeStoredWhenTheReceiptComes() {
        var window = DeliveryWindow()
        window.append(owner: self.one, offset: 0, size: 20, saysItsSize: true, now: self.now)
        window.append(owner: self.two, offset: 20, size: 20, saysItsSize: true, now: self.now)
        var tokens: UInt32 = 0
        window.journal(owner: self.one) { _ in
            tokens += 1
            return tokens
        }
        #expect(tokens == 1)
        // Once is enough.
        window.journal(owner: self.one) { _ in
            tokens += 1
            return tokens
        }
        #expect(tokens == 1)
        let marks = [StoredRun.Mark(end: 20, id: MessageID(rawValue: 3))]
        #expect(window.journaled(token: 1, marks: marks) == true)
        #expect(window.journaled(token: 1, marks: marks) == false)
        #expect(self.delivered(&window, upTo: 40).map(\.copy) == [.stored(marks), .none])
    }

    /// What is old enough for the journal is told by the first frame of a run, so no run spans more than a millisecond.
    @Test func onlyRunsThatAreOldEnoughAreJournaled() {
        var window = DeliveryWindow()
        for millisecond in 0..<10 {
            let time = self.now + .milliseconds(Int64(millisecond) * 2)
            window.append(owner: self.one, offset: UInt64(millisecond) * 20, size: 20, saysItsSize: true, now: time)
        }
        #expect(window.oldestUnjournaled == self.now)
        #expect(!window.hasUnjournaled(since: self.now - .nanoseconds(1)))
        #expect(window.hasUnjournaled(since: self.now))
        var journaled: [UInt64] = []
        window.journal(since: self.now + .milliseconds(5)) { run in
            journaled.append(run.start)
            return UInt32(journaled.count)
        }
        #expect(journaled == [0, 20, 40])
        #expect(window.oldestUnjournaled == self.now + .milliseconds(6))
        #expect(window.unjournaledFrames == 7)
        #expect(window.frames == 10)
    }

    /// On its way to disk is not on disk.
    @Test func framesAreUnsafeUntilTheReceiptComes() {
        var window = DeliveryWindow()
        #expect(!window.hasUnsafe(since: .distantFuture))
        window.append(owner: self.one, offset: 0, size: 20, saysItsSize: true, now: self.now)
        #expect(window.hasUnsafe(since: self.now))
        #expect(!window.hasUnsafe(since: self.now - .nanoseconds(1)))
        window.journal { _ in 1 }
        #expect(window.hasUnsafe(since: self.now))
        #expect(window.journaled(token: 1, marks: [.init(end: 20, id: MessageID(rawValue: 1))]) == true)
        #expect(!window.hasUnsafe(since: .distantFuture))
    }

    /// Otherwise a connection with always one more frame under way would never let go of its memory.
    @Test func acknowledgementEndsTheRunThatIsBeingAddedTo() {
        var window = DeliveryWindow()
        window.append(owner: self.one, offset: 0, size: 20, saysItsSize: true, now: self.now)
        #expect(self.delivered(&window, upTo: 10).isEmpty)
        window.append(owner: self.one, offset: 20, size: 20, saysItsSize: true, now: self.now)
        #expect(self.delivered(&window, upTo: 30).map(\.end) == [20])
    }

    @Test func aRefusedJournalIsTriedAgain() {
        var window = DeliveryWindow()
        window.append(owner: self.one, offset: 0, size: 20, saysItsSize: true, now: self.now)
        window.journal(owner: self.one) { _ in 5 }
        window.journalRefused(token: 5)
        var isAsked = false
        window.journal(owner: self.one) { _ in
            isAsked = true
            return 6
        }
        #expect(isAsked)
    }

    /// Frames whose length fields say their size, and frames whose do not, in any mixture, are found again.
    @Test(arguments: [[true, true, true], [false, false], [true, true, false, true], [false, true], [true, false, false]])
    func framesAreFoundAgainInTheBytes(saysItsSize: [Bool]) {
        var window = DeliveryWindow()
        var bytes = ByteBuffer()
        var sizes: [Int] = []
        for (index, isSaid) in saysItsSize.enumerated() {
            let start = bytes.writerIndex
            bytes.writeFrame(address: self.one, command: .data, content: [UInt8](repeating: 1, count: 3 + index))
            let size = bytes.writerIndex - start
            if !isSaid { bytes.setInteger(UInt16(0), at: start + Frame.lengthOffset) }
            window.append(owner: self.one, offset: UInt64(start), size: size, saysItsSize: isSaid, now: self.now)
            sizes.append(size)
        }
        let runs = self.delivered(&window, upTo: UInt64(bytes.writerIndex))
        #expect(runs.count == 1)
        let found = bytes.withUnsafeReadableBytes { runs.first?.frameSizes(in: $0) }
        #expect(found == sizes)
    }

    @Test func bytesThatAreNotWhatWasWrittenEndTheSearch() {
        var window = DeliveryWindow()
        window.append(owner: self.one, offset: 0, size: 20, saysItsSize: true, now: self.now)
        window.append(owner: self.one, offset: 20, size: 20, saysItsSize: true, now: self.now)
        let runs = self.delivered(&window, upTo: 40)
        let zeros = ByteBuffer(repeating: 0, count: 40)
        #expect(zeros.withUnsafeReadableBytes { runs.first?.frameSizes(in: $0) } == [])
    }
}
