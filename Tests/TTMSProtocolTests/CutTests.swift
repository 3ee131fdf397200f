import TTMSProtocol
import TestKit
import Testing

/// Frames cut and merged in any way (PROTOCOL.md, section 2).
struct CutTests {
    /// Payloads that could mislead a parser; those that hold a header only where that is allowed.
    static func payloads(_ dialect: LengthDialect) -> [[UInt8]] {
        let plain: [[UInt8]] = [[], [0], Array("hi".utf8), Array("$TTM".utf8), Array("$$TT$TTMX".utf8), [UInt8](0...255)]
        return dialect == .marker ? plain : plain + [Array("a$TTMSb".utf8), Vectors.heartbeat]
    }

    static func frames(_ dialect: LengthDialect) -> [[UInt8]] {
        [WireFrame.heartbeat(of: Vectors.one, dialect: dialect)]
            + Self.payloads(dialect).map { WireFrame.data(to: Vectors.two, $0, dialect: dialect) }
    }

    @Test("One burst with many frames", arguments: LengthDialect.allCases, [true, false])
    func merged(dialect: LengthDialect, isForced: Bool) {
        let frames = Self.frames(dialect)
        var feed = Feed(dialect: isForced ? dialect : nil)
        feed.burst(frames.flatMap(\.self))
        #expect(feed.events == frames.map { .frame($0, isSound: true) })
        #expect(feed.dialect == dialect)
    }

    @Test("One byte at a time", arguments: LengthDialect.sizedDialects, [true, false])
    func dripped(dialect: LengthDialect, isForced: Bool) {
        let frames = Self.frames(dialect)
        var feed = Feed(dialect: isForced ? dialect : nil)
        for byte in frames.joined() { feed.burst([byte]) }
        #expect(feed.events == frames.map { .frame($0, isSound: true) })
        #expect(feed.dialect == dialect)
    }

    @Test("One byte at a time within one burst, in marker")
    func drippedMarker() {
        let frames = Self.frames(.marker)
        var feed = Feed()
        for byte in frames.joined() { feed.burst([byte], boundary: .more) }
        #expect(feed.events == frames.dropLast().map { .frame($0, isSound: true) })
        feed.burst([])
        #expect(feed.events == frames.map { .frame($0, isSound: true) })
    }

    @Test("Two cuts anywhere in a burst of three frames", arguments: LengthDialect.sizedDialects, [true, false])
    func cutTwice(dialect: LengthDialect, isForced: Bool) {
        let frames = [
            WireFrame.heartbeat(of: Vectors.one, dialect: dialect),
            WireFrame.data(to: Vectors.two, Array("a$TTMSb".utf8), dialect: dialect),
            WireFrame.data(to: Vectors.two, [], dialect: dialect),
        ]
        let stream = frames.flatMap(\.self)
        for first in 0..<stream.count {
            for second in first..<stream.count {
                var feed = Feed(dialect: isForced ? dialect : nil)
                feed.burst(stream[..<first])
                feed.burst(stream[first..<second])
                feed.burst(stream[second...])
                guard feed.events == frames.map({ .frame($0, isSound: true) }) else {
                    Issue.record("cut at \(first) and \(second): \(feed.events)")
                    return
                }
            }
        }
    }

    @Test("A prefix of a frame is no frame, and no violation", arguments: LengthDialect.allCases, [true, false])
    func prefixes(dialect: LengthDialect, isForced: Bool) {
        for frame in Self.frames(dialect) {
            for size in 1..<frame.count {
                var feed = Feed(dialect: isForced ? dialect : nil)
                feed.burst(frame.prefix(size))
                let isByChance = dialect == .marker && size >= 13 && frame.prefix(size).reduce(0, ^) == 0
                if !isByChance { #expect(feed.events.isEmpty, "\(size) bytes of \(frame.hex)") }
                feed.burst(frame.dropFirst(size))
                if !isByChance, isForced { #expect(feed.events == .sound(frame), "\(size) bytes of \(frame.hex)") }
            }
        }
    }

    @Test("In a length dialect nothing but the missing bytes ends the waiting", arguments: LengthDialect.sizedDialects)
    func truncated(dialect: LengthDialect) {
        let frame = WireFrame.data(to: Vectors.two, Array("hi".utf8), dialect: dialect)
        for size in 1..<frame.count {
            var feed = Feed(dialect: dialect)
            feed.burst(frame.prefix(size))
            #expect(!feed.awaitsQuiet)
            #expect(feed.parser.dialect == dialect)
        }
    }
}
