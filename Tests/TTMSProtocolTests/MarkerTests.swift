import TTMSProtocol
import TestKit
import Testing

/// The dialect `marker`: what it inherits from the original, and its quiet time.
struct MarkerTests {
    private static let heartbeat = WireFrame.heartbeat(of: Vectors.one, dialect: .marker)
    private static let data = WireFrame.data(to: Vectors.two, Array("hi".utf8), dialect: .marker)

    @Test("A burst that ends with a sound frame needs no quiet time")
    func soundBurst() {
        var feed = Feed(dialect: .marker)
        feed.burst(Self.heartbeat)
        #expect(!feed.awaitsQuiet)
        #expect(feed.events == .sound(Self.heartbeat))
    }

    @Test("What comes within the quiet time belongs to the frame")
    func completedInTime() {
        var feed = Feed(dialect: .marker)
        feed.burst(Self.data.dropLast(2))
        #expect(feed.awaitsQuiet)
        feed.burst(Self.data.suffix(2))
        #expect(!feed.awaitsQuiet)
        #expect(feed.events == .sound(Self.data))
    }

    @Test("After the quiet time a frame is taken as it is, and counted unsound")
    func takenAfterQuiet() {
        let unsound = Self.data.dropLast() + [0x00]
        var feed = Feed(dialect: .marker)
        feed.burst(unsound)
        #expect(feed.awaitsQuiet)
        #expect(feed.events.isEmpty)
        feed.quiet()
        #expect(feed.events == [.frame(Array(unsound), isSound: false)])
        feed.burst(Self.heartbeat)
        #expect(feed.events.last == .frame(Self.heartbeat, isSound: true))
    }

    @Test("The next header ends an unsound frame at once")
    func nextHeader() {
        let unsound = Array(Self.data.dropLast()) + [0x00]
        var feed = Feed(dialect: .marker)
        feed.burst(unsound + Self.heartbeat)
        #expect(feed.events == [.frame(unsound, isSound: false), .frame(Self.heartbeat, isSound: true)])
    }

    @Test("The next header may be cut anywhere", arguments: 1..<5)
    func cutHeader(cut: Int) {
        var feed = Feed(dialect: .marker)
        feed.burst(Self.data + Self.heartbeat.prefix(cut))
        #expect(feed.awaitsQuiet)
        feed.burst(Self.heartbeat.dropFirst(cut))
        #expect(feed.events == .sound(Self.data, Self.heartbeat))
    }

    @Test("A header in the payload cuts the frame, as it always did")
    func headerInPayload() {
        var feed = Feed(dialect: .marker)
        feed.burst(WireFrame.data(to: Vectors.two, Array("a$TTMSb-and-more".utf8), dialect: .marker))
        feed.quiet()
        let pieces = feed.events.map { event in
            if case .frame(let bytes, _) = event { bytes.count } else { 0 }
        }
        #expect(pieces == [13, 5 + 10 + 1])
    }

    @Test("A piece under 13 bytes is too short: by the next header, or by the quiet time")
    func tooShort() {
        var byHeader = Feed(dialect: .marker)
        byHeader.burst(Self.data.prefix(12) + Self.heartbeat)
        #expect(byHeader.events == [.violation(.tooShort)])

        var byQuiet = Feed(dialect: .marker)
        byQuiet.burst(Self.data.prefix(12))
        #expect(byQuiet.events.isEmpty)
        byQuiet.quiet()
        #expect(byQuiet.events == [.violation(.tooShort)])

        // A first frame that is no heartbeat.
        var learning = Feed()
        learning.burst(Self.data.prefix(12))
        learning.quiet()
        #expect(learning.events == [.violation(.tooShort)])
    }

    @Test("A header is awaited, however long its bytes take", arguments: 1...5)
    func slowHeader(cut: Int) {
        var feed = Feed(dialect: .marker)
        feed.burst(Self.data + Self.heartbeat.prefix(cut))
        feed.quiet()
        #expect(!feed.awaitsQuiet)
        feed.burst(Self.heartbeat.dropFirst(cut))
        #expect(feed.events == .sound(Self.data, Self.heartbeat))
    }

    /// The rest of a cut heartbeat comes later than the quiet time when its segment was lost, and on slow links.
    @Test("The rest of a first heartbeat is awaited", arguments: LengthDialect.allCases)
    func cutFirstHeartbeat(dialect: LengthDialect) {
        let heartbeat = WireFrame.heartbeat(of: Vectors.one, dialect: dialect)
        for cut in 1..<heartbeat.count {
            var feed = Feed()
            feed.burst(heartbeat.prefix(cut))
            feed.quiet()
            #expect(feed.events.isEmpty, "cut at \(cut)")
            feed.burst(heartbeat.dropFirst(cut))
            #expect(feed.events == .sound(heartbeat), "cut at \(cut)")
            #expect(feed.dialect == dialect)
        }
    }

    @Test("A first heartbeat may come byte by byte, each later than the quiet time", arguments: LengthDialect.allCases)
    func drippingHeartbeat(dialect: LengthDialect) {
        var random = SeededGenerator(seed: 1)
        for _ in 0..<200 {
            // What is sound by chance before its last byte is taken for a whole frame.
            let content = random.bytes(4)
            let heartbeat = WireFrame.heartbeat(of: Vectors.one, content: content, dialect: dialect)
            guard (13..<17).allSatisfy({ heartbeat.prefix($0).reduce(0, ^) != 0 }) else { continue }
            var feed = Feed()
            for byte in heartbeat {
                feed.burst([byte])
                feed.quiet()
            }
            #expect(feed.dialect == dialect)
            #expect(feed.events == .sound(heartbeat))
        }
    }

    @Test("A short first heartbeat that is not sound is taken when nothing more is awaited")
    func shortUnsoundHeartbeat() {
        let bytes = Array(Self.heartbeat.prefix(14))
        var feed = Feed()
        feed.burst(bytes)
        feed.quiet()
        #expect(feed.events.isEmpty)
        feed.burst([], boundary: .end)
        #expect(feed.dialect == .marker)
        #expect(feed.events == [.frame(bytes, isSound: false)])
    }

    @Test("Thirteen bytes are enough")
    func smallest() {
        let frame = WireFrame.data(to: Vectors.two, [], dialect: .marker)
        var feed = Feed(dialect: .marker)
        feed.burst(frame)
        #expect(feed.events == .sound(frame))
    }

    @Test("Quiet without bytes is no frame")
    func quietWithoutBytes() {
        for dialect in LengthDialect.allCases.map(Optional.some) + [nil] {
            var parser = FrameParser(dialect: dialect)
            let nothing = GuardedBytes(count: 0)
            for boundary in [FrameParser.Boundary.more, .burstEnd, .quiet] {
                let step = parser.step(nothing.start, count: 0, boundary: boundary)
                #expect(step == .needsBytes)
            }
            #expect(parser.dialect == dialect)
        }
    }
}
