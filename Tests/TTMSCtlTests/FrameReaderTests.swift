import NIOCore
import NIOEmbedded
import TTMSProtocol
import Testing

@testable import ttmsctl

/// How a simulated terminal finds the frames in what the relay sends.
struct FrameReaderTests {
    /// PROTOCOL.md, section 1, and the same frames in the dialects that their sources may have.
    struct Vector: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var bytes: [UInt8]
        var frame: ReceivedFrame
    }

    private static let one = CCID(rawValue: 1)

    /// A payload of which the first byte makes the checksum hold half way through the frame.
    private static let misleading: [UInt8] = {
        let head = Self.forwarded([], length: 16).dropLast()
        return [head.reduce(0, ^), 0x68, 0x69]
    }()

    private static func forwarded(_ payload: String, length: UInt16) -> [UInt8] {
        Self.forwarded(Array(payload.utf8), length: length)
    }

    /// Forwarded data from 00000001 whose length field says `length`.
    private static func forwarded(_ payload: [UInt8], length: UInt16) -> [UInt8] {
        let fields = [UInt8(length >> 8), UInt8(length & 0xff), 0, 0, 0, 1, 0xaa]
        let bytes = Array("$TTMX".utf8) + fields + payload
        return bytes + [bytes.reduce(0, ^)]
    }

    static let vectors: [Vector] =
        [
            Vector(
                testDescription: "heartbeat reply",
                bytes: [0x24, 0x54, 0x54, 0x4d, 0x53, 0, 0x11, 0, 0, 0, 1, 1, 0x65, 0x53, 0xf1, 0, 0xec],
                frame: .heartbeatReply(of: one, time: 1_700_000_000)
            ),
            Vector(
                testDescription: "data",
                bytes: [0x24, 0x54, 0x54, 0x4d, 0x58, 0, 0x0f, 0, 0, 0, 1, 0xaa, 0x68, 0x69, 0x94],
                frame: .data(from: one, payload: Array("hi".utf8))
            ),
        ]
        + [("total", 15), ("after-length", 8), ("body", 7), ("content", 2), ("marker", 0), ("marker, absurd", 0xffff)].map {
            Vector(
                testDescription: "data whose source speaks \($0.0)",
                bytes: forwarded("hi", length: $0.1),
                frame: .data(from: one, payload: Array("hi".utf8))
            )
        }
        + [
            Vector(testDescription: "no payload", bytes: forwarded("", length: 13), frame: .data(from: one, payload: [])),
            Vector(
                testDescription: "a frame that looks complete half way",
                bytes: forwarded(misleading, length: 16),
                frame: .data(from: one, payload: misleading)
            ),
            Vector(
                testDescription: "a payload that holds the header",
                bytes: forwarded("a$TTMSb", length: 20),
                frame: .data(from: one, payload: Array("a$TTMSb".utf8))
            ),
        ]

    /// What a pipeline makes of `reads`, and after that of silence.
    private static func frames(_ reads: [[UInt8]]) throws -> [ReceivedFrame] {
        let channel = EmbeddedChannel(handler: FrameReceiver())
        for read in reads { try channel.writeInbound(ByteBuffer(bytes: read)) }
        channel.embeddedEventLoop.advanceTime(by: .seconds(1))
        var frames: [ReceivedFrame] = []
        while let frame = try channel.readInbound(as: ReceivedFrame.self) { frames.append(frame) }
        _ = try channel.finish()
        return frames
    }

    @Test("each vector is one frame, alone", arguments: vectors)
    func alone(vector: Vector) throws {
        #expect(try Self.frames([vector.bytes]) == [vector.frame])
    }

    @Test("frames that come together are told apart", arguments: vectors)
    func merged(vector: Vector) throws {
        let reply = Self.vectors[0]
        #expect(try Self.frames([reply.bytes + vector.bytes + vector.bytes]) == [reply.frame, vector.frame, vector.frame])
    }

    @Test("a frame that comes in two pieces is one", arguments: vectors)
    func cut(vector: Vector) throws {
        for cut in 1..<vector.bytes.count {
            let pieces = [Array(vector.bytes[..<cut]), Array(vector.bytes[cut...])]
            #expect(try Self.frames(pieces) == [vector.frame], "cut at \(cut)")
        }
    }

    @Test("what is not from a relay is an error")
    func notAFrame() {
        #expect(throws: Failure.self) { try Self.frames([Array("HTTP/1.1 400 Bad Request\r\n".utf8)]) }
        var tooMuch = Self.forwarded(String(repeating: "x", count: 70_000), length: 0)
        tooMuch[tooMuch.count - 1] ^= 1
        #expect(throws: Failure.self) { try Self.frames([tooMuch]) }
    }

    @Test("a frame whose checksum is wrong is none")
    func unsound() throws {
        for vector in Self.vectors {
            var bytes = vector.bytes
            bytes[bytes.count - 1] ^= 1
            #expect(try Self.frames([bytes]) == [], "\(vector.testDescription)")
        }
    }
}
