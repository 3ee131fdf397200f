import RelayCore
import TTMSProtocol
import Testing

@testable import RelayServer

@Suite struct TerminalTableTests {
    /// Inserts, removals and look-ups at random, beside a dictionary.
    @Test(arguments: 1...5) func agreesWithADictionary(seed: UInt64) {
        var random = SplitMix(seed)
        var table = TerminalTable()
        var model: [CCID: Terminal] = [:]
        for _ in 0..<20_000 {
            // Few different numbers, so that removals and collisions are frequent.
            let ccid = CCID(rawValue: UInt32(random.next() % 4_000))
            if let terminal = model[ccid] {
                #expect(table[ccid] === terminal)
                if random.next() % 3 == 0 {
                    table.remove(ccid)
                    model[ccid] = nil
                }
            } else {
                #expect(table.find(ccid) == nil)
                let terminal = Terminal(ccid: ccid)
                table.insert(terminal)
                model[ccid] = terminal
            }
        }
        #expect(table.count == model.count)
        for (ccid, terminal) in model { #expect(table[ccid] === terminal) }
        var found: Set<CCID> = []
        table.forEach { found.insert($0.ccid) }
        #expect(found == Set(model.keys))
    }

    /// The table grows, and terminals come and go, between the parts of a walk.
    @Test(arguments: 1...5) func aWalkInPartsMeetsAllThatStayOnce(seed: UInt64) {
        var random = SplitMix(seed)
        var table = TerminalTable()
        let staying = Set((0..<3_000).map { _ in UInt32(truncatingIfNeeded: random.next()) })
        for ccid in staying { table.insert(Terminal(ccid: CCID(rawValue: ccid))) }
        var passing: [UInt32] = []
        var met: [UInt32] = []
        for part in 0..<TerminalTable.parts {
            var terminals: [UInt32] = []
            table.forEach(inPart: part) { terminals.append($0.ccid.rawValue) }
            var ccids: [UInt32] = []
            table.forEachCCID(inPart: part) { ccids.append($0) }
            #expect(ccids == terminals)
            met += terminals
            for _ in 0..<20 {
                let ccid = UInt32(truncatingIfNeeded: random.next())
                if passing.count > 100, random.next() % 4 == 0 {
                    let index = Int(random.next() % UInt64(passing.count))
                    table.remove(CCID(rawValue: passing.remove(at: index)))
                } else if table[CCID(rawValue: ccid)] == nil {
                    table.insert(Terminal(ccid: CCID(rawValue: ccid)))
                    passing.append(ccid)
                }
            }
        }
        #expect(Set(met).count == met.count)
        #expect(met.filter(staying.contains).count == staying.count)
    }

    @Test func everyNumberIsAnOrdinaryNumber() {
        var table = TerminalTable()
        for number in [0, 1, UInt32.max, 0x8000_0000] { table.insert(Terminal(ccid: CCID(rawValue: number))) }
        for number in [0, 1, UInt32.max, 0x8000_0000] { #expect(table[CCID(rawValue: number)] != nil) }
        #expect(table[CCID(rawValue: 2)] == nil)
    }

    @Test func removingWhatIsNotThereChangesNothing() {
        var table = TerminalTable()
        table.insert(Terminal(ccid: CCID(rawValue: 1)))
        table.remove(CCID(rawValue: 2))
        #expect(table.count == 1)
    }
}

/// A small generator with a seed, so that a failure can be repeated.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) {
        self.state = seed
    }

    mutating func next() -> UInt64 {
        self.state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
