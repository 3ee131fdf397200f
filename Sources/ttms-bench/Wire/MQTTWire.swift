import NIOCore
import TTMSProtocol

/// MQTT 3.1.1 with QoS 0 and clean sessions: a terminal is a topic, `t/` and its eight digits.
enum MQTTWire: Wire {
    /// With clean sessions, messages without a subscriber are dropped.
    static let storesMessages = false

    /// Appends CONNECT and SUBSCRIBE: the SUBACK is the answer, which only an accepted client gets.
    static func writeRegistration(of terminal: CCID, into buffer: inout ByteBuffer) {
        buffer.writeBytes([PacketType.connect, 12 + 8, 0, 4])
        buffer.writeStaticString("MQTT")
        // Level 4, clean session, no keepalive; then the client's name.
        buffer.writeBytes([4, 2, 0, 0, 0, 8])
        Self.writeDigits(terminal, into: &buffer)
        buffer.writeBytes([PacketType.subscribe, 5 + Self.topicSize, 0, 1, 0, Self.topicSize])
        buffer.writeStaticString("t/")
        Self.writeDigits(terminal, into: &buffer)
        buffer.writeInteger(0 as UInt8)
    }

    static func writeHeartbeat(of terminal: CCID, into buffer: inout ByteBuffer) {
        buffer.writeBytes([PacketType.pingRequest, 0])
    }

    /// Appends nothing: a broker sends no questions.
    static func writeAnswer(into buffer: inout ByteBuffer) {}

    @inline(__always)
    static func writeMessage(_ stamp: Stamp, to destination: CCID, payload: Int, into buffer: inout ByteBuffer) {
        buffer.writeInteger(PacketType.publish)
        var rest = UInt32(truncatingIfNeeded: 2 &+ Int(Self.topicSize) &+ payload)
        repeat {
            buffer.writeInteger(UInt8(truncatingIfNeeded: rest & 0x7f) | (rest > 0x7f ? 0x80 : 0))
            rest &>>= 7
        } while rest > 0
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: 12 &+ payload) { room in
            guard let start = room.baseAddress else { return 0 }
            start.storeBytes(of: UInt16(Self.topicSize).bigEndian, as: UInt16.self)
            start.storeBytes(of: UInt8(ascii: "t"), toByteOffset: 2, as: UInt8.self)
            start.storeBytes(of: UInt8(ascii: "/"), toByteOffset: 3, as: UInt8.self)
            HexDigits.write(destination.rawValue, to: start + 4)
            Fill.write(stamp, payload: payload, to: start + 12)
            return 12 &+ payload
        }
    }

    @inline(__always)
    static func step(_ bytes: UnsafeRawBufferPointer) -> WireStep {
        // The type, and the number of bytes that follow: seven bits in each byte, the lowest first. The highest bit of a byte
        // marks that another one follows.
        guard bytes.count >= 2 else { return .needsBytes }
        var (rest, offset) = (0, 1)
        while true {
            guard offset < bytes.count else { return .needsBytes }
            guard offset <= 4 else { return .refusal("a length of more than four bytes") }
            rest |= Int(bytes[offset] & 0x7f) &<< (7 &* (offset &- 1))
            offset &+= 1
            if bytes[offset &- 1] & 0x80 == 0 { break }
        }
        let size = offset &+ rest
        guard size <= bytes.count else { return .needsBytes }
        switch bytes[0] & 0xf0 {
        case PacketType.publish:
            guard rest >= 2 else { return .refusal("PUBLISH without a topic") }
            let payload = offset &+ 2 &+ (Int(bytes[offset]) &<< 8 | Int(bytes[offset &+ 1]))
            guard payload <= size else { return .refusal("a topic longer than its packet") }
            return .message(payload: payload..<size, size: size)
        case PacketType.connectAnswer:
            guard rest == 2, bytes[offset &+ 1] == 0 else { return .refusal("the broker has not accepted the connection") }
            return .other(size: size)
        case PacketType.subscribeAnswer:
            guard rest == 3, bytes[offset &+ 2] == 0 else { return .refusal("the broker has not accepted the subscription") }
            return .answer(size: size)
        case PacketType.pingAnswer: return .answer(size: size)
        default: return .other(size: size)
        }
    }

    private static let topicSize: UInt8 = 10

    private static func writeDigits(_ terminal: CCID, into buffer: inout ByteBuffer) {
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: 8) { room in
            guard let start = room.baseAddress else { return 0 }
            HexDigits.write(terminal.rawValue, to: start)
            return 8
        }
    }

    /// A packet's first byte, with the flags that it has to have.
    private enum PacketType {
        static let connect: UInt8 = 0x10
        static let connectAnswer: UInt8 = 0x20
        static let publish: UInt8 = 0x30
        static let subscribe: UInt8 = 0x82
        static let subscribeAnswer: UInt8 = 0x90
        static let pingRequest: UInt8 = 0xc0
        static let pingAnswer: UInt8 = 0xd0
    }
}
