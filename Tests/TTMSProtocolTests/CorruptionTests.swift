import TTMSProtocol
import TestKit
import Testing

/// Every way in which one byte of a frame can be wrong.
struct CorruptionTests {
    @Test("One wrong byte is never taken for a sound frame", arguments: LengthDialect.allCases)
    func singleByte(dialect: LengthDialect) {
        let frame = WireFrame.data(to: Vectors.two, Array("hi".utf8), dialect: dialect)
        for offset in frame.indices {
            for change in UInt8(1)...255 {
                var wrong = frame
                wrong[offset] ^= change
                var feed = Feed(dialect: dialect)
                feed.burst(wrong)
                feed.quiet()
                guard feed.events == Self.expected(dialect, wrong, offset: offset) else {
                    Issue.record("\(wrong.hex) in \(dialect): \(feed.events)")
                    return
                }
            }
        }
    }

    private static func expected(_ dialect: LengthDialect, _ wrong: [UInt8], offset: Int) -> [FrameEvent] {
        if offset < Frame.headerSize { return [.violation(.badHeader)] }
        if dialect == .marker { return [.frame(wrong, isSound: false)] }
        if (Frame.lengthOffset..<Frame.addressOffset).contains(offset) {
            let size = dialect.frameSize(lengthField: UInt16(wrong[5]) << 8 | UInt16(wrong[6]))
            if size < 13 { return [.violation(.tooShort)] }
            if size > 65_535 { return [.violation(.tooLong)] }
            // More than there is: the rest is waited for.
            if size > wrong.count { return [] }
        }
        return [.violation(.checksumMismatch)]
    }

    @Test("What came whole before the wrong frame is still taken", arguments: LengthDialect.sizedDialects)
    func before(dialect: LengthDialect) {
        let sound = WireFrame.data(to: Vectors.two, Array("hi".utf8), dialect: dialect)
        var wrong = sound
        wrong[12] ^= 1
        var feed = Feed(dialect: dialect)
        feed.burst(sound + sound + wrong + sound)
        #expect(feed.events == .sound(sound, sound) + [.violation(.checksumMismatch)])
    }

    @Test(
        "A first byte that is no header's closes the connection at once",
        arguments: LengthDialect.allCases.map(Optional.some) + [nil]
    )
    func header(dialect: LengthDialect?) {
        let header = Array("$TTMS".utf8)
        for size in 1...header.count {
            var wrong = Array(header.prefix(size))
            wrong[size - 1] ^= 0x20
            var feed = Feed(dialect: dialect)
            feed.burst(wrong)
            #expect(feed.events == [.violation(.badHeader)], "\(wrong.hex)")
        }
        var forwarded = Feed(dialect: dialect)
        forwarded.burst(Vectors.forwarded)
        #expect(forwarded.events == [.violation(.badHeader)])
    }
}
