import NIOCore
import RelayCore
import TTMSProtocol
import Testing

@testable import RelayStorage

/// Parts of the store whose mistakes the contract would show late.
@Suite struct PartTests {
    @Test func aScheduleGivesSlotsByTheirEarliestTime() {
        var schedule = SlotSchedule()
        schedule.schedule(3, at: 30)
        schedule.schedule(1, at: 10)
        schedule.schedule(2, at: 20)
        schedule.schedule(1, at: 15)
        schedule.schedule(3, at: 5)
        #expect(schedule.time(of: 3) == 5)
        #expect(schedule.time(of: 9) == .max)
        #expect(schedule.popFirst(through: 4) == nil)
        #expect(schedule.popFirst().map(\.slot) == 3)
        #expect(schedule.popFirst().map(\.slot) == 1)
        schedule.schedule(3, at: 30)
        #expect(schedule.popFirst().map(\.slot) == 2)
        #expect(schedule.popFirst().map(\.time) == 30)
        #expect(schedule.popFirst() == nil)
    }

    @Test func aScheduleDoesNotGrowWithItsChanges() {
        var schedule = SlotSchedule()
        for time in stride(from: Int64(100_000), to: 0, by: -1) { schedule.schedule(UInt32(time % 4), at: time) }
        let times = (0..<4).compactMap { _ in schedule.popFirst()?.time }
        #expect(times == [1, 2, 3, 4])
        #expect(schedule.popFirst() == nil)
    }

    @Test func slotsPassOnWhenMostAreEmpty() throws {
        var table = TerminalTable()
        for number in 0..<UInt32(TerminalTable.slotsBeforeReuse) {
            let free = table.freeSlot(occupied: 0)
            let slot = try #require(free)
            #expect(slot == number)
            table.assign(CCID(rawValue: number), to: slot)
            table[slot].next = 5
            table[slot].frames = number < 10 ? 1 : 0
        }
        let free = table.freeSlot(occupied: 10)
        let slot = try #require(free)
        #expect(slot >= 10 && slot < UInt32(TerminalTable.slotsBeforeReuse))
        table.assign(CCID(rawValue: .max), to: slot)
        #expect(table.slot(of: CCID(rawValue: .max)) == slot)
        #expect(table.slot(of: CCID(rawValue: slot)) == nil)
        #expect(table[slot].next == 5)
        let next = table.freeSlot(occupied: .max)
        #expect(next == UInt32(TerminalTable.slotsBeforeReuse))
    }

    @Test func aSearchForAnEmptyQueueIsShortAndGoesOnAtTheNext() throws {
        var table = TerminalTable()
        let (count, occupied) = (UInt32(TerminalTable.slotsBeforeReuse), 10 * TerminalTable.slotsPerSearch)
        for number in 0..<count {
            table.assign(CCID(rawValue: number), to: number)
            table[number].frames = number <= occupied ? 1 : 0
        }
        for _ in 0..<10 {
            let free = table.freeSlot(occupied: occupied)
            #expect(free == count, "a new slot rather than a long search")
        }
        let free = table.freeSlot(occupied: occupied)
        #expect(free == UInt32(occupied + 1))
    }

    @Test func chunksThatContradictThemselvesAreNone() throws {
        var writer = ChunkWriter(acceptedAt: 7, timeToLive: 9)
        for size in [3, 0, 5] { [UInt8](repeating: 1, count: size).withUnsafeBytes { writer.append($0, at: 8) } }
        let record = writer.withRecord { Array($0) }
        func sizes(_ record: [UInt8]) -> [Int]? {
            record.withUnsafeBytes { bytes in
                var sizes: [Int] = []
                let isSound = Chunk(bytes)?.visit { _, entry in
                    sizes.append(entry.frame.count)
                    return true
                }
                return isSound == true ? sizes : nil
            }
        }
        #expect(sizes(record) == [3, 0, 5])
        for count in 0..<record.count { #expect(sizes(Array(record.prefix(count))) == nil, "cut at \(count)") }
        var newer = record
        newer[0] = 2
        #expect(sizes(newer) == nil)
    }

    @Test func recordsComeBackAsTheyWere() {
        var totals = StoreTotals()
        (totals.frames, totals.bytes, totals.terminals) = (1, 2, 3)
        (totals.appended, totals.removed, totals.expired) = (4, 5, 6)
        (totals.deleted, totals.evicted, totals.rejected) = (7, 8, .max)
        let commit = CommitRecord(number: 9, clock: .second(3), totals: totals)
        let terminal = TerminalRecord(
            slot: MessageID.maximumSlot,
            ccid: CCID(rawValue: .max),
            head: 2,
            next: MessageID.maximumSequence + 1,
            frames: 3,
            bytes: 50,
            oldestAt: -1,
            earliestExpiry: .max,
            timeToLive: 4,
            isOldestExact: true,
            isMixed: true,
            inFlight: 2
        )
        var buffer = ByteBuffer()
        commit.write(to: &buffer)
        let start = buffer.writerIndex
        terminal.write(to: &buffer)
        #expect(buffer.writerIndex - start == TerminalRecord.size)
        #expect(CommitRecord(from: &buffer) == commit)
        var cut = buffer.getSlice(at: start, length: TerminalRecord.size - 1) ?? ByteBuffer()
        #expect(TerminalRecord(from: &cut) == nil)
        #expect(TerminalRecord(from: &buffer) == terminal)
    }
}
