import TTMSProtocol
import TestKit
import Testing

/// What a connection's first frame says about its dialect.
struct DialectTests {
    @Test("A heartbeat teaches its dialect", arguments: Vectors.heartbeats)
    func learned(dialect: LengthDialect, heartbeat: [UInt8]) {
        var feed = Feed()
        feed.burst(heartbeat)
        #expect(feed.dialect == dialect)
        #expect(feed.events == .sound(heartbeat))
    }

    @Test("Any CCID and any time teach the same dialect", arguments: LengthDialect.allCases)
    func learnedFromRandomHeartbeats(dialect: LengthDialect) {
        var random = SeededGenerator(seed: 1)
        for _ in 0..<500 {
            let ccid = CCID(rawValue: .random(in: 0...UInt32.max, using: &random))
            let heartbeat = WireFrame.heartbeat(of: ccid, content: random.bytes(4), dialect: dialect)
            let data = WireFrame.data(to: ccid, [1, 2, 3], dialect: dialect)
            var feed = Feed()
            feed.burst(heartbeat + data)
            #expect(feed.dialect == dialect, "\(heartbeat.hex)")
            #expect(feed.events == .sound(heartbeat, data))
        }
    }

    @Test("The heartbeat may come in two pieces", arguments: Vectors.heartbeats)
    func learnedFromPieces(dialect: LengthDialect, heartbeat: [UInt8]) {
        for cut in 1..<heartbeat.count {
            var feed = Feed()
            feed.burst(heartbeat.prefix(cut))
            #expect(feed.events.isEmpty, "cut at \(cut)")
            feed.burst(heartbeat.dropFirst(cut))
            #expect(feed.dialect == dialect, "cut at \(cut)")
            #expect(feed.events == .sound(heartbeat), "cut at \(cut)")
        }
    }

    @Test("The beginning of the next frame confirms a dialect", arguments: Vectors.heartbeats.dropLast())
    func learnedBeforePartOfTheNext(dialect: LengthDialect, heartbeat: [UInt8]) {
        let next = WireFrame.data(to: Vectors.two, Array("hi".utf8), dialect: dialect)
        for cut in 1..<next.count {
            var feed = Feed()
            feed.burst(heartbeat + next.prefix(cut))
            #expect(feed.dialect == dialect, "cut at \(cut)")
            feed.burst(next.dropFirst(cut))
            #expect(feed.events == .sound(heartbeat, next), "cut at \(cut)")
        }
    }

    @Test("A frame that other bytes follow teaches nothing", arguments: LengthDialect.sizedDialects)
    func refutedByWhatFollows(dialect: LengthDialect) {
        let burst = WireFrame.heartbeat(of: Vectors.one, dialect: dialect) + [0x55]
        var feed = Feed()
        feed.burst(burst)
        feed.quiet()
        #expect(feed.dialect == .marker)
        #expect(feed.events == [.frame(burst, isSound: false)])
    }

    @Test("Zeros after a heartbeat do not make a larger frame of it", arguments: LengthDialect.sizedDialects, [1, 7, 8, 13])
    func zerosFollow(dialect: LengthDialect, zeros: Int) {
        let burst = WireFrame.heartbeat(of: Vectors.one, dialect: dialect) + [UInt8](repeating: 0, count: zeros)
        for cut in [burst.count, 10, 3] {
            var feed = Feed()
            feed.burst(burst.prefix(cut))
            feed.burst(burst.dropFirst(cut))
            #expect(feed.dialect == .marker)
            #expect(feed.events == .sound(burst))
        }
    }

    @Test("A heartbeat whose checksum is 0 teaches its dialect", arguments: LengthDialect.sizedDialects)
    func checksumOfZero(dialect: LengthDialect) {
        let last = WireFrame.heartbeat(of: Vectors.one, content: [0, 0, 0, 0], dialect: dialect)[16]
        let heartbeat = WireFrame.heartbeat(of: Vectors.one, content: [0, 0, 0, last], dialect: dialect)
        #expect(heartbeat[16] == 0)
        var feed = Feed()
        feed.burst(heartbeat)
        #expect(feed.dialect == dialect)
        #expect(feed.events == .sound(heartbeat))
    }

    @Test("Where a burst goes on, a frame at the end of the read buffer is not known to be the last")
    func undecidedBeforeMore() {
        var feed = Feed()
        feed.burst(Vectors.heartbeat, boundary: .more)
        #expect(feed.events.isEmpty)
        feed.burst([0x55])
        feed.quiet()
        #expect(feed.dialect == .marker)
        #expect(feed.events == [.frame(Vectors.heartbeat + [0x55], isSound: false)])
    }

    @Test("A checksum that does not hold makes a connection marker, where it is not enforced", arguments: Vectors.heartbeats)
    func unsoundHeartbeat(dialect: LengthDialect, heartbeat: [UInt8]) {
        var unsound = heartbeat
        unsound[16] ^= 0x55
        var feed = Feed()
        feed.burst(unsound)
        #expect(feed.events.isEmpty)
        #expect(feed.awaitsQuiet)
        feed.quiet()
        #expect(feed.dialect == .marker)
        #expect(feed.events == [.frame(unsound, isSound: false)])
    }

    @Test("A length field that announces what never comes ends in marker after the quiet time")
    func announcesTooMuch() {
        let heartbeat = WireFrame(lengthField: 1_000, address: Vectors.one, command: 1, content: [0, 0, 0, 0]).bytes
        var feed = Feed()
        feed.burst(heartbeat)
        #expect(feed.awaitsQuiet)
        feed.quiet()
        #expect(feed.dialect == .marker)
        #expect(feed.events == .sound(heartbeat))
    }

    @Test("A short first frame is believed after the quiet time only", arguments: LengthDialect.sizedDialects)
    func shortHeartbeat(dialect: LengthDialect) {
        let heartbeat = WireFrame.heartbeat(of: Vectors.one, content: [9], dialect: dialect)
        var feed = Feed()
        feed.burst(heartbeat)
        #expect(feed.awaitsQuiet)
        feed.quiet()
        #expect(feed.dialect == dialect)
        #expect(feed.events == .sound(heartbeat))
    }

    @Test("A forced dialect does not look at what others would say", arguments: LengthDialect.allCases)
    func forced(dialect: LengthDialect) {
        let heartbeat = WireFrame.heartbeat(of: Vectors.one, dialect: dialect)
        var feed = Feed(dialect: dialect)
        feed.burst(heartbeat)
        #expect(feed.dialect == dialect)
        #expect(feed.events == .sound(heartbeat))
    }

    @Test("In a forced dialect another dialect's length closes the connection or waits for the rest")
    func forcedAgainstOthers() {
        let cases: [(LengthDialect, LengthDialect, [FrameEvent])] = [
            (.total, .afterLength, [.violation(.tooShort)]),
            (.total, .content, [.violation(.tooShort)]),
            (.content, .total, []),
            (.body, .afterLength, []),
            (.afterLength, .body, [.violation(.checksumMismatch)]),
            (.marker, .total, .sound(Vectors.heartbeat)),
        ]
        for (forced, sent, events) in cases {
            var feed = Feed(dialect: forced)
            feed.burst(WireFrame.heartbeat(of: Vectors.one, dialect: sent))
            #expect(feed.events == events, "\(sent) on a listener that forces \(forced)")
        }
    }

    @Test("A length field says of a frame what frameSize takes back", arguments: LengthDialect.sizedDialects)
    func lengthFields(dialect: LengthDialect) {
        for size in [13, 14, 17, 300, 65_535] {
            #expect(dialect.lengthField(frameSize: size).map(dialect.frameSize(lengthField:)) == size)
        }
        #expect(dialect.lengthField(frameSize: 12) == nil)
        #expect(dialect.lengthField(frameSize: 65_536) == nil)
        #expect(LengthDialect.marker.lengthField(frameSize: 17) == nil)
    }
}
