import Glibc
import NIOCore
import TTMSProtocol

/// The text protocol of NATS: a terminal is a subject, `t.` and its eight digits.
enum NATSWire: Wire {
    /// Without JetStream, messages without a subscriber are dropped.
    static let storesMessages = false

    static func writeRegistration(of terminal: CCID, into buffer: inout ByteBuffer) {
        buffer.writeString(
            "CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"ttms-bench\"}\r\nSUB t.\(terminal) 1\r\nPING\r\n"
        )
    }

    static func writeHeartbeat(of terminal: CCID, into buffer: inout ByteBuffer) {
        buffer.writeStaticString("PING\r\n")
    }

    static func writeAnswer(into buffer: inout ByteBuffer) {
        buffer.writeStaticString("PONG\r\n")
    }

    @inline(__always)
    static func writeMessage(_ stamp: Stamp, to destination: CCID, payload: Int, into buffer: inout ByteBuffer) {
        buffer.writeStaticString("PUB t.")
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: 8) { room in
            guard let digits = room.baseAddress else { return 0 }
            HexDigits.write(destination.rawValue, to: digits)
            return 8
        }
        buffer.writeInteger(UInt8(ascii: " "))
        Self.writeDecimal(payload, into: &buffer)
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: payload &+ 4) { room in
            guard let start = room.baseAddress else { return 0 }
            start.storeBytes(of: Self.lineEnd, as: UInt16.self)
            Fill.write(stamp, payload: payload, to: start + 2)
            start.storeBytes(of: Self.lineEnd, toByteOffset: payload &+ 2, as: UInt16.self)
            return payload &+ 4
        }
    }

    @inline(__always)
    static func step(_ bytes: UnsafeRawBufferPointer) -> WireStep {
        guard let start = bytes.baseAddress, let newline = memchr(start, 0x0a, bytes.count) else { return .needsBytes }
        let line = start.distance(to: UnsafeRawPointer(newline)) &+ 1
        guard line >= 4 else { return .refusal("a line of \(line) bytes") }
        switch UInt32(bigEndian: start.loadUnaligned(as: UInt32.self)) {
        case Self.message:
            guard let payload = Self.lastNumber(start, line: line) else { return .refusal("MSG without a size") }
            let size = line &+ payload &+ 2
            return size <= bytes.count ? .message(payload: line..<line &+ payload, size: size) : .needsBytes
        case Self.pong: return .answer(size: line)
        case Self.ping: return .question(size: line)
        default:
            guard start.load(as: UInt8.self) == UInt8(ascii: "-") else { return .other(size: line) }
            return .refusal(String(decoding: bytes[..<line].dropLast(2), as: UTF8.self))
        }
    }

    /// The number at the end of a line, which ends with CR LF; at most a payload's size.
    @inline(__always)
    private static func lastNumber(_ start: UnsafeRawPointer, line: Int) -> Int? {
        var (value, scale, offset) = (0, 1, line &- 3)
        while offset >= 0 {
            let digit = start.load(fromByteOffset: offset, as: UInt8.self)
            if digit == UInt8(ascii: " ") { return scale > 1 ? value : nil }
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit), scale <= 10_000_000 else { return nil }
            value &+= Int(digit &- UInt8(ascii: "0")) &* scale
            scale &*= 10
            offset &-= 1
        }
        return nil
    }

    private static func writeDecimal(_ value: Int, into buffer: inout ByteBuffer) {
        var scale = 1
        while value / scale >= 10 { scale *= 10 }
        while scale > 0 {
            buffer.writeInteger(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value / scale % 10))
            scale /= 10
        }
    }

    private static let message: UInt32 = 0x4d53_4720  // "MSG "
    private static let ping: UInt32 = 0x5049_4e47
    private static let pong: UInt32 = 0x504f_4e47
    /// CR LF in the byte order of memory.
    private static let lineEnd = UInt16(bigEndian: 0x0d0a)
}
