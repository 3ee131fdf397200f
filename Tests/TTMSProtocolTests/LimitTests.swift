import TTMSProtocol
import TestKit
import Testing

/// The smallest and the largest frame, and one byte beyond.
struct LimitTests {
    @Test(
        "A frame of exactly the limit is taken, one byte more is too long",
        arguments: LengthDialect.allCases,
        [17, 100, 4_096]
    )
    func configured(dialect: LengthDialect, limit: Int) {
        let largest = WireFrame.data(to: Vectors.two, [UInt8](repeating: 0x61, count: limit - 13), dialect: dialect)
        var feed = Feed(dialect: dialect, maximumFrameSize: limit)
        feed.burst(largest)
        #expect(feed.events == .sound(largest))

        var beyond = Feed(dialect: dialect, maximumFrameSize: limit)
        beyond.burst(WireFrame.data(to: Vectors.two, [UInt8](repeating: 0x61, count: limit - 12), dialect: dialect))
        #expect(beyond.events == [.violation(.tooLong)])
    }

    @Test("65,535 bytes", arguments: LengthDialect.allCases)
    func largest(dialect: LengthDialect) {
        let payload = [UInt8](repeating: 0x61, count: 65_522)
        let frame = WireFrame.data(to: Vectors.two, payload, dialect: dialect)
        var feed = Feed(dialect: dialect)
        feed.burst(frame.prefix(40_000))
        #expect(feed.events.isEmpty)
        feed.burst(frame.dropFirst(40_000))
        #expect(feed.events == .sound(frame))
    }

    @Test("65,536 bytes: announced by a length dialect, grown to in marker")
    func beyondLargest() {
        for (dialect, length) in [(LengthDialect.afterLength, 65_529), (.body, 65_528), (.content, 65_523)] {
            var feed = Feed(dialect: dialect)
            feed.burst(WireFrame(lengthField: UInt16(length), address: Vectors.two, command: 0xaa, content: []).bytes)
            #expect(feed.events == [.violation(.tooLong)])
            #expect(dialect.frameSize(lengthField: UInt16(length)) == 65_536)
        }
        var marker = Feed(dialect: .marker)
        let endless = Array("$TTMS".utf8) + [UInt8](repeating: 0x61, count: 65_530)
        marker.burst(endless, boundary: .more)
        #expect(marker.events.isEmpty)
        marker.burst([0x61], boundary: .more)
        #expect(marker.events == [.violation(.tooLong)])
    }

    @Test("An announced size is refused before its bytes come", arguments: LengthDialect.sizedDialects)
    func refusedEarly(dialect: LengthDialect) {
        let announced = WireFrame.data(to: Vectors.two, [UInt8](repeating: 0, count: 88), dialect: dialect)
        var feed = Feed(dialect: dialect, maximumFrameSize: 100)
        feed.burst(announced.prefix(7))
        #expect(feed.events == [.violation(.tooLong)])
    }

    @Test(
        "An announced size under 13 bytes is too short",
        arguments: [(LengthDialect.total, UInt16(12)), (.total, 0), (.afterLength, 5), (.body, 4)]
    )
    func tooShort(dialect: LengthDialect, length: UInt16) {
        var feed = Feed(dialect: dialect)
        feed.burst(WireFrame(lengthField: length, address: Vectors.two, command: 0xaa, content: [1, 2, 3]).bytes)
        #expect(feed.events == [.violation(.tooShort)])
    }

    @Test("The limit never makes a heartbeat impossible, nor a frame larger than a length can say")
    func held() {
        #expect(FrameParser(maximumFrameSize: 0).maximumFrameSize == 17)
        #expect(FrameParser(maximumFrameSize: .min).maximumFrameSize == 17)
        #expect(FrameParser(maximumFrameSize: .max).maximumFrameSize == 65_535)
    }

    @Test("While the dialect is unknown the limit holds all the same")
    func learning() {
        var feed = Feed(maximumFrameSize: 64)
        feed.burst(
            WireFrame(lengthField: 60, address: Vectors.one, command: 1, content: [UInt8](repeating: 1, count: 90)).bytes
        )
        #expect(feed.events == [.violation(.tooLong)])
    }
}
