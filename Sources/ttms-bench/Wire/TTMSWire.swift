import NIOCore
import TTMSProtocol

/// The relay's own protocol, in the dialect `total`; see ``Frame``.
enum TTMSWire: Wire {
    static let storesMessages = true

    static func writeRegistration(of terminal: CCID, into buffer: inout ByteBuffer) {
        self.writeHeartbeat(of: terminal, into: &buffer)
    }

    static func writeHeartbeat(of terminal: CCID, into buffer: inout ByteBuffer) {
        buffer.writeFrame(address: terminal, command: .heartbeat, content: Self.noTime)
    }

    @inline(__always)
    static func writeMessage(_ stamp: Stamp, to destination: CCID, payload: Int, into buffer: inout ByteBuffer) {
        let size = Frame.minimumSize &+ payload
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: size) { room in
            guard let frame = room.baseAddress else { return 0 }
            frame.storeBytes(of: Self.prefix.bigEndian, as: UInt32.self)
            frame.storeBytes(of: UInt8(ascii: "S"), toByteOffset: Frame.headerSize &- 1, as: UInt8.self)
            frame.storeBytes(of: UInt16(truncatingIfNeeded: size).bigEndian, toByteOffset: Frame.lengthOffset, as: UInt16.self)
            frame.storeBytes(of: destination.rawValue.bigEndian, toByteOffset: Frame.addressOffset, as: UInt32.self)
            frame.storeBytes(of: Command.data.rawValue, toByteOffset: Frame.commandOffset, as: UInt8.self)
            Fill.write(stamp, payload: payload, to: frame + Frame.contentOffset)
            let checksum = Checksum.xor(frame, count: size &- 1)
            frame.storeBytes(of: checksum, toByteOffset: size &- 1, as: UInt8.self)
            return size
        }
    }

    @inline(__always)
    static func step(_ bytes: UnsafeRawBufferPointer) -> WireStep {
        guard bytes.count >= Frame.minimumSize, let frame = bytes.baseAddress else { return .needsBytes }
        guard Self.word(frame) == Self.prefix else { return .refusal("the received bytes do not begin with $TTM") }
        let size = Int(UInt16(bigEndian: frame.loadUnaligned(fromByteOffset: Frame.lengthOffset, as: UInt16.self)))
        guard size >= Frame.minimumSize else { return .refusal("a frame announces \(size) bytes") }
        guard size <= bytes.count else { return .needsBytes }
        guard Checksum.xor(frame, count: size) == 0 else { return .refusal("a frame's checksum does not hold") }
        switch frame.load(fromByteOffset: Frame.commandOffset, as: UInt8.self) {
        case Command.data.rawValue: return .message(payload: Frame.contentOffset..<size &- 1, size: size)
        case Command.heartbeat.rawValue: return .answer(size: size)
        default: return .other(size: size)
        }
    }

    /// Appends nothing: the relay sends no questions.
    static func writeAnswer(into buffer: inout ByteBuffer) {}

    /// The time in a terminal's heartbeat, which the relay ignores.
    private static let noTime: [UInt8] = [0, 0, 0, 0]

    /// The header's first four bytes. The fifth differs between data and heartbeats, which the command distinguishes, too.
    private static let prefix: UInt32 = 0x2454_544d

    @inline(__always)
    private static func word(_ frame: UnsafeRawPointer) -> UInt32 {
        UInt32(bigEndian: frame.loadUnaligned(as: UInt32.self))
    }
}
