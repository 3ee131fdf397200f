import Synchronization
import Testing

@testable import RelayCore

@Suite struct EventLogTests {
    private func event(_ number: Int) -> RelayEvent {
        RelayEvent(at: Timestamp(microseconds: Int64(number)), .terminalPunctual)
    }

    private func publish(_ numbers: ClosedRange<Int>, to log: EventLog) {
        for number in numbers { log.publish(self.event(number)) }
    }

    @Test func withoutReadersEventsAreNotEvenMade() {
        let log = EventLog()
        var made = 0
        func make() -> RelayEvent {
            made += 1
            return self.event(made)
        }
        log.publish(make())
        #expect(made == 0)
        let start = log.addReader()
        log.publish(make())
        #expect(made == 1)
        #expect(log.read(after: start, limit: 10).events == [self.event(1)])
    }

    @Test func aReaderGoesOnWhereItWas() {
        let log = EventLog(capacity: 8)
        let start = log.addReader()
        self.publish(1...5, to: log)
        let one = log.read(after: start, limit: 2)
        #expect(one == EventBatch(events: [self.event(1), self.event(2)], first: 1, isMissing: false))
        let two = log.read(after: 2, limit: 10)
        #expect(two == EventBatch(events: (3...5).map(self.event), first: 3, isMissing: false))
        #expect(log.read(after: 5, limit: 10) == EventBatch(events: [], first: 6, isMissing: false))
        #expect(log.read(after: 2, limit: 0).events == [])
    }

    @Test(arguments: [1, 2, 7, 8]) func whatIsOverwrittenIsMissing(capacity: Int) {
        let log = EventLog(capacity: capacity)
        log.addReader()
        self.publish(1...20, to: log)
        for place in 0...20 {
            let batch = log.read(after: UInt64(place), limit: 100)
            let first = max(place, 20 - capacity) + 1
            #expect(batch.first == UInt64(first))
            #expect(batch.events == (first..<21).map(self.event))
            #expect(batch.isMissing == (place < 20 - capacity))
        }
        #expect(log.read(after: 21, limit: 1).isMissing)
        #expect(log.read(after: .max, limit: 1).isMissing)
    }

    @Test func whoComesBackInTimeHasMissedNothing() {
        let log = EventLog(capacity: 8)
        log.addReader()
        self.publish(1...3, to: log)
        log.removeReader()
        self.publish(4...10, to: log)
        #expect(log.isRecording)
        log.addReader()
        #expect(log.read(after: 3, limit: 10) == EventBatch(events: (4...10).map(self.event), first: 4, isMissing: false))
    }

    @Test func whoComesBackTooLateIsToldSo() {
        let log = EventLog(capacity: 8)
        log.addReader()
        self.publish(1...3, to: log)
        log.removeReader()
        self.publish(4...11, to: log)
        #expect(!log.isRecording)
        self.publish(12...13, to: log)
        let start = log.addReader()
        self.publish(14...14, to: log)
        for place in [3, 8, 11, 13] as [UInt64] {
            let batch = log.read(after: place, limit: 10)
            #expect(batch.isMissing)
            #expect(batch.events == [self.event(14)])
        }
        #expect(log.read(after: start, limit: 10) == EventBatch(events: [self.event(14)], first: start + 1, isMissing: false))
    }

    @Test func publishersOnManyThreadsLoseNothing() async {
        let log = EventLog(capacity: 4_000)
        let start = log.addReader()
        await withTaskGroup(of: Void.self) { group in
            for publisher in 0..<4 {
                group.addTask { self.publish((publisher * 1_000)...(publisher * 1_000 + 999), to: log) }
            }
        }
        let events = log.read(after: start, limit: .max).events
        #expect(Set(events.map(\.at.microseconds)) == Set(0..<4_000))
        #expect(events.count == 4_000)
        for publisher in 0..<4 as Range<Int64> {
            let own = events.map(\.at.microseconds).filter { $0 / 1_000 == publisher }
            #expect(own == own.sorted())
        }
    }
}
