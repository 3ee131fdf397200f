import Foundation
import TTMSProtocol
import TestKit
import Testing

/// CCID, HeartbeatTime and Checksum.
struct ValueTests {
    @Test(
        "A CCID is eight hex digits",
        arguments: [("00000000", UInt32(0)), ("0000002a", 42), ("FFffFFff", UInt32.max), ("deadBEEF", 0xdead_beef)]
    )
    func ccid(text: String, value: UInt32) throws {
        let ccid = try #require(CCID(text))
        #expect(ccid.rawValue == value)
        #expect(ccid.description == text.lowercased())
    }

    @Test(
        "Nothing else is a CCID",
        arguments: [
            "", "2a", "0000002", "00000002a", "+000002a", "-000002a", "0x00002a", " 000002a", "0000002g", "٠٠٠٠٠٠٠٠",
            "0000\u{0}02a",
        ]
    )
    func notCCID(text: String) {
        #expect(CCID(text) == nil)
    }

    @Test("A CCID in JSON")
    func ccidJSON() throws {
        let json = Data(#"["0000002a","ffffffff"]"#.utf8)
        let ccids = try JSONDecoder().decode([CCID].self, from: json)
        #expect(ccids == [CCID(rawValue: 42), CCID(rawValue: .max)])
        #expect(try JSONEncoder().encode(ccids) == json)
        for wrong in [#"["2a"]"#, "[42]", "[null]"] {
            #expect(throws: DecodingError.self) { try JSONDecoder().decode([CCID].self, from: Data(wrong.utf8)) }
        }
    }

    @Test("CCIDs are ordered as their digits are")
    func ccidOrder() {
        let ccids = [0x8000_0000, 1, 0xffff_ffff, 0, 0x7fff_ffff].map(CCID.init(rawValue:))
        #expect(ccids.sorted().map(\.description) == ccids.map(\.description).sorted())
    }

    @Test(
        "A heartbeat's time",
        arguments: [
            (HeartbeatTime.seconds, Int64(1_700_000_000_999), UInt32(1_700_000_000)),
            (.milliseconds, 1_700_000_000_999, 0xcfe5_6be7),
            (.seconds, 0, 0), (.milliseconds, 0, 0),
            (.seconds, -1, 0), (.milliseconds, .min, 0),
            (.seconds, 0xffff_ffff * 1_000, .max), (.seconds, 0x1_0000_0000 * 1_000, 0),
            (.milliseconds, 0x1_0000_0000, 0),
        ]
    )
    func heartbeatTime(unit: HeartbeatTime, clock: Int64, content: UInt32) {
        #expect(unit.content(unixMilliseconds: clock) == content)
    }

    @Test("The fast XOR is the slow one, at every size and alignment")
    func checksum() {
        var random = SeededGenerator(seed: 4)
        for size in 0...200 {
            let bytes = GuardedBytes(random.bytes(size))
            #expect(Checksum.xor(bytes.start, count: size) == bytes.array.reduce(0, ^), "\(size) bytes")
        }
        #expect(Checksum.fold(UInt32(0x0102_0408)) == 0x0f)
        #expect(Checksum.fold(UInt64(0x0102_0408_1020_4080)) == 0xff)
    }
}
