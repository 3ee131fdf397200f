import TTMSProtocol
import TestKit
import Testing

/// What the relay makes of a frame, against the frame built anew from the table.
struct RewriterTests {
    private static func forward(_ frame: [UInt8], from source: CCID, isSound: Bool) -> [UInt8] {
        let offer = GuardedBytes(frame)
        let target = GuardedBytes(count: frame.count)
        FrameRewriter.forward(
            FrameView(bytes: offer.start, size: offer.count, isSound: isSound),
            from: source,
            to: target.start
        )
        #expect(offer.array == frame)
        return target.array
    }

    private static func reply(_ heartbeat: [UInt8], dialect: LengthDialect, time: UInt32) -> [UInt8] {
        let offer = GuardedBytes(heartbeat)
        let target = GuardedBytes(count: 17)
        let frame = FrameView(bytes: offer.start, size: offer.count, isSound: true)
        FrameRewriter.heartbeatReply(to: frame, dialect: dialect, time: time, target: target.start)
        return target.array
    }

    @Test("The forwarded vector")
    func vector() {
        #expect(Self.forward(Vectors.data, from: Vectors.one, isSound: true) == Vectors.forwarded)
    }

    @Test("Random frames", arguments: LengthDialect.allCases)
    func random(dialect: LengthDialect) {
        var random = SeededGenerator(seed: 2)
        for size in Array(0...80) + [255, 1_000, 65_522] {
            let payload = random.bytes(size)
            let source = CCID(rawValue: .random(in: 0...UInt32.max, using: &random))
            let destination = CCID(rawValue: .random(in: 0...UInt32.max, using: &random))
            var frame = WireFrame.data(to: destination, payload, dialect: dialect)
            let forwarded = WireFrame.forwarded(from: source, payload, dialect: dialect)
            #expect(Self.forward(frame, from: source, isSound: true) == forwarded, "\(size) bytes of payload")

            frame[frame.count - 1] ^= .random(in: 1...255, using: &random)
            #expect(Self.forward(frame, from: source, isSound: false) == forwarded, "\(size) bytes of payload, unsound")
        }
    }

    @Test("The reply of the vectors")
    func replyVector() {
        #expect(Self.reply(Vectors.heartbeat, dialect: .total, time: 1_700_000_000) == Vectors.reply)
    }

    @Test("A reply is the heartbeat with another time", arguments: LengthDialect.allCases)
    func reply(dialect: LengthDialect) {
        var random = SeededGenerator(seed: 3)
        for time in [0, 1, 0x6553_f100, UInt32.max] {
            let ccid = CCID(rawValue: .random(in: 0...UInt32.max, using: &random))
            let heartbeat = WireFrame.heartbeat(of: ccid, content: random.bytes(4), dialect: dialect)
            let content = (0..<4).map { UInt8(truncatingIfNeeded: time >> (24 - 8 * $0)) }
            let expected = WireFrame.heartbeat(of: ccid, content: content, dialect: dialect)
            #expect(Self.reply(heartbeat, dialect: dialect, time: time) == expected)
        }
    }

    @Test(
        "The reply's content has 4 bytes whatever the heartbeat's had, and its length says so",
        arguments: [0, 1, 3, 5, 8, 300]
    )
    func replyToAnotherSize(size: Int) {
        for dialect in LengthDialect.sizedDialects {
            let heartbeat = WireFrame.heartbeat(of: Vectors.one, content: [UInt8](repeating: 9, count: size), dialect: dialect)
            let expected = WireFrame.heartbeat(of: Vectors.one, content: [0x65, 0x53, 0xf1, 0x00], dialect: dialect)
            #expect(Self.reply(heartbeat, dialect: dialect, time: 1_700_000_000) == expected)
        }
    }

    @Test("In marker the length field stays as it came", arguments: [0, 4, 17, 0xffff] as [UInt16], [0, 4, 9])
    func markerReply(lengthField: UInt16, size: Int) {
        let content = [UInt8](repeating: 9, count: size)
        let heartbeat = WireFrame(lengthField: lengthField, address: Vectors.one, command: 1, content: content)
        var expected = heartbeat
        expected.content = [0x65, 0x53, 0xf1, 0x00]
        #expect(Self.reply(heartbeat.bytes, dialect: .marker, time: 1_700_000_000) == expected.bytes)
    }
}
