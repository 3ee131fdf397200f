import NIOCore
import TTMSProtocol
import TestKit
import Testing

/// PROTOCOL.md's own examples, through everything that reads or writes frames.
struct VectorTests {
    @Test(
        "A vector is one sound frame",
        arguments: [Vectors.heartbeat, Vectors.data, Vectors.emptyData, Vectors.headerInPayload]
    )
    func parsed(vector: [UInt8]) {
        var feed = Feed(dialect: .total)
        feed.burst(vector)
        #expect(feed.events == .sound(vector))
    }

    @Test("The fields of a vector are where the table says")
    func fields() {
        let offer = GuardedBytes(Vectors.data)
        let frame = FrameView(bytes: offer.start, size: offer.count, isSound: true)
        #expect(frame.address == Vectors.two)
        #expect(frame.command == Command.data.rawValue)
        #expect(frame.lengthField == 15)
        #expect(frame.contentSize == 2)
        #expect(Array(frame.content) == Array("hi".utf8))

        let empty = GuardedBytes(Vectors.emptyData)
        #expect(FrameView(bytes: empty.start, size: empty.count, isSound: true).content.isEmpty)
    }

    @Test("Writing the frames of the vectors gives the vectors")
    func written() {
        let hidden = Array("a$TTMSb".utf8)
        let cases: [(StaticString, CCID, Command, [UInt8], [UInt8])] = [
            (Frame.terminalHeader, Vectors.one, .heartbeat, [0, 0, 0, 0], Vectors.heartbeat),
            (Frame.terminalHeader, Vectors.one, .heartbeat, [0x65, 0x53, 0xf1, 0x00], Vectors.reply),
            (Frame.terminalHeader, Vectors.two, .data, Array("hi".utf8), Vectors.data),
            (Frame.forwardHeader, Vectors.one, .data, Array("hi".utf8), Vectors.forwarded),
            (Frame.terminalHeader, Vectors.two, .data, [], Vectors.emptyData),
            (Frame.terminalHeader, Vectors.two, .data, hidden, Vectors.headerInPayload),
        ]
        for (header, address, command, content, vector) in cases {
            var buffer = ByteBuffer(string: "before")
            buffer.writeFrame(header: header, address: address, command: command, content: content)
            #expect(Array(buffer.readableBytesView) == Array("before".utf8) + vector)
        }
    }

    @Test("Only content that fits into the largest frame is written")
    func writtenLimits() {
        var buffer = ByteBuffer()
        let fits = [UInt8](repeating: 7, count: 65_522)
        let isWritten = buffer.writeFrame(address: Vectors.two, command: .data, content: fits)
        #expect(isWritten)
        #expect(buffer.readableBytes == 65_535)
        #expect(Array(buffer.readableBytesView) == WireFrame.data(to: Vectors.two, fits))
        let isLongerOneWritten = buffer.writeFrame(address: Vectors.two, command: .data, content: fits + [7])
        #expect(!isLongerOneWritten)
        #expect(buffer.readableBytes == 65_535)
    }

    @Test("The kit's frames, built by the table, are the vectors")
    func kit() {
        for (dialect, vector) in Vectors.heartbeats {
            #expect(WireFrame.heartbeat(of: Vectors.one, dialect: dialect) == vector)
        }
        #expect(WireFrame.data(to: Vectors.two, Array("hi".utf8)) == Vectors.data)
        #expect(WireFrame.forwarded(from: Vectors.one, Array("hi".utf8)) == Vectors.forwarded)
    }
}
