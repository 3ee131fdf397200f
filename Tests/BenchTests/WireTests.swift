import NIOCore
import TTMSProtocol
import Testing

@testable import ttms_bench

/// What each protocol writes and reads, byte by byte. `PeerTests` asks the real servers whether they agree.
struct WireTests {
    private static let stamp = Stamp(intended: 0x0102_0304_0506_0708, run: 9, source: 10, number: 11)
    private static let terminal = CCID(rawValue: 0x0000_a02f)

    private func bytes(_ write: (inout ByteBuffer) -> Void) -> [UInt8] {
        var buffer = ByteBuffer()
        write(&buffer)
        return Array(buffer.readableBytesView)
    }

    private func step(_ wire: any Wire.Type, _ bytes: some Collection<UInt8>) -> WireStep {
        Array(bytes).withUnsafeBytes { wire.step($0) }
    }

    /// What was written to a terminal as the server hands it on.
    private func delivered(_ kind: WireProtocol, payload: Int) -> [UInt8] {
        var bytes = self.bytes { kind.wire.writeMessage(Self.stamp, to: Self.terminal, payload: payload, into: &$0) }
        switch kind {
        case .ttms:
            bytes[4] ^= UInt8(ascii: "S") ^ UInt8(ascii: "X")
            bytes[bytes.count - 1] ^= UInt8(ascii: "S") ^ UInt8(ascii: "X")
        case .nats:
            // The server puts the subscription's number in.
            bytes = Array("MSG t.0000a02f 1 \(payload)\r\n".utf8) + bytes.drop { $0 != 0x0a }.dropFirst()
        case .mqtt: break
        }
        return bytes
    }

    @Test(
        "A message comes back as it was written",
        arguments: WireProtocol.allCases,
        [20, 21, 64, 115, 116, 127, 128, 1_000, 16_372, 60_000]
    )
    func roundTrip(kind: WireProtocol, payload: Int) throws {
        let bytes = self.delivered(kind, payload: payload)
        guard case .message(let range, let size) = self.step(kind.wire, bytes) else {
            Issue.record("\(self.step(kind.wire, bytes))")
            return
        }
        #expect(size == bytes.count)
        #expect(range.count == payload)
        #expect(bytes[range].withUnsafeBytes { Stamp($0) } == Self.stamp)
        #expect(bytes[range].dropFirst(Stamp.size).allSatisfy { $0 == Fill.byte })
        #expect(
            self.step(kind.wire, bytes + [0x24]) == .message(payload: range, size: size),
            "what follows is not its business"
        )
    }

    @Test("A message that is cut anywhere waits for the rest", arguments: WireProtocol.allCases)
    func cut(kind: WireProtocol) {
        let bytes = self.delivered(kind, payload: 200)
        for size in 0..<bytes.count { #expect(self.step(kind.wire, bytes.prefix(size)) == .needsBytes) }
    }

    @Test("Whatever comes is read without a trap, and never as longer than it is", arguments: WireProtocol.allCases)
    func noise(kind: WireProtocol) {
        var random = SplitMix64(seed: 5)
        let sound = self.delivered(kind, payload: 40)
        for _ in 0..<20_000 {
            var bytes = Bool.random(using: &random) ? sound : (0..<40).map { _ in UInt8.random(in: 0...255, using: &random) }
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            switch self.step(kind.wire, bytes) {
            case .message(let payload, let size):
                #expect(payload.lowerBound >= 0 && payload.upperBound <= size && size <= bytes.count)
            case .answer(let size), .question(let size), .other(let size): #expect((1...bytes.count).contains(size))
            case .needsBytes, .refusal: break
            }
        }
    }

    @Test("The relay's frames are those of PROTOCOL.md")
    func ttms() {
        let heartbeat = self.bytes { TTMSWire.writeRegistration(of: CCID(rawValue: 1), into: &$0) }
        #expect(heartbeat == [0x24, 0x54, 0x54, 0x4d, 0x53, 0, 0x11, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0x2b])
        #expect(self.step(TTMSWire.self, heartbeat) == .answer(size: 17))
        let message = self.bytes { TTMSWire.writeMessage(Self.stamp, to: Self.terminal, payload: 20, into: &$0) }
        #expect(message.count == 33)
        #expect(message.prefix(12) == [0x24, 0x54, 0x54, 0x4d, 0x53, 0, 33, 0, 0, 0xa0, 0x2f, 0xaa])
        #expect(message.reduce(0, ^) == 0)
    }

    @Test("A frame that is not sound is refused")
    func unsound() {
        var bytes = self.delivered(.ttms, payload: 20)
        bytes[20] ^= 1
        for wrong in [
            bytes, Array("HTTP/1.1 400 Bad Request".utf8),
            [0x24, 0x54, 0x54, 0x4d, 0x53, 0, 12] + [UInt8](repeating: 0, count: 9),
        ] {
            guard case .refusal = self.step(TTMSWire.self, wrong) else {
                Issue.record("\(wrong) is taken")
                continue
            }
        }
    }

    @Test(
        "What NATS says",
        arguments: [
            ("PING\r\n", WireStep.question(size: 6)), ("PONG\r\n", .answer(size: 6)), ("+OK\r\n", .other(size: 5)),
            ("INFO {\"a\": 1}\r\n", .other(size: 15)), ("-ERR 'Slow Consumer'\r\n", .refusal("-ERR 'Slow Consumer'")),
            ("MSG t.x 1 0\r\n\r\n", .message(payload: 13..<13, size: 15)), ("MSG \r\n", .refusal("MSG without a size")),
            ("MSG t.x 1 -4\r\n", .refusal("MSG without a size")),
            ("MSG t.x 1 99999999999999999999\r\n", .refusal("MSG without a size")), ("\r\n", .refusal("a line of 2 bytes")),
            ("PIN", .needsBytes),
        ]
    )
    func nats(text: String, step: WireStep) {
        #expect(self.step(NATSWire.self, text.utf8) == step)
    }

    @Test("A NATS message is text around the payload")
    func natsMessage() {
        let bytes = self.bytes { NATSWire.writeMessage(Self.stamp, to: Self.terminal, payload: 20, into: &$0) }
        #expect(String(decoding: bytes.prefix(19), as: UTF8.self) == "PUB t.0000a02f 20\r\n")
        #expect(bytes.suffix(2) == [0x0d, 0x0a])
        #expect(bytes.count == 19 + 20 + 2)
    }

    @Test(
        "What an MQTT broker says",
        arguments: [
            ([0x20, 2, 0, 0], WireStep.other(size: 4)),
            ([0x20, 2, 0, 5], .refusal("the broker has not accepted the connection")),
            ([0x90, 3, 0, 1, 0], .answer(size: 5)),
            ([0x90, 3, 0, 1, 0x80], .refusal("the broker has not accepted the subscription")),
            ([0xd0, 0], .answer(size: 2)), ([0x30, 0], .refusal("PUBLISH without a topic")),
            ([0x30, 2, 0, 9], .refusal("a topic longer than its packet")),
            ([0x30, 4, 0, 1, 0x74, 0x21], .message(payload: 5..<6, size: 6)),
            ([0x30, 0xff, 0xff, 0xff, 0xff, 0x01], .refusal("a length of more than four bytes")), ([0x30, 0x80], .needsBytes),
        ] as [([UInt8], WireStep)]
    )
    func mqtt(bytes: [UInt8], step: WireStep) {
        #expect(self.step(MQTTWire.self, bytes) == step)
    }
}
