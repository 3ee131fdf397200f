import NIOCore
import TTMSProtocol

/// A server's protocol, reduced to the operations of the load generator, so that every server gets the same work.
///
/// All protocols have the same conversation: a terminal registers and is answered, sends payloads to others by number, and
/// receives its own. These are types, not values: calls for every frame are then specialized, without dynamic dispatch.
protocol Wire {
    /// Appends the first bytes of a terminal, its registration; the server answers them once (``WireStep/answer(size:)``).
    static func writeRegistration(of terminal: CCID, into buffer: inout ByteBuffer)

    /// Appends a registered terminal's heartbeat; the server answers it once.
    static func writeHeartbeat(of terminal: CCID, into buffer: inout ByteBuffer)

    /// Appends a message whose payload begins with `stamp`.
    ///
    /// - Parameter payload: bytes of the payload, at least ``Stamp/size``.
    static func writeMessage(_ stamp: Stamp, to destination: CCID, payload: Int, into buffer: inout ByteBuffer)

    /// Parses the first unit of `bytes`.
    static func step(_ bytes: UnsafeRawBufferPointer) -> WireStep

    /// Appends the answer to ``WireStep/question(size:)``.
    static func writeAnswer(into buffer: inout ByteBuffer)

    /// Whether the server stores messages for offline terminals.
    static var storesMessages: Bool { get }
}

/// The first unit of a server's bytes; sizes are those of the whole unit, in bytes.
enum WireStep: Equatable {
    /// The unit is unfinished.
    case needsBytes
    /// A message, whose payload is `payload` of its bytes.
    case message(payload: Range<Int>, size: Int)
    /// The answer to a registration or a heartbeat.
    case answer(size: Int)
    /// The server requests a sign of life.
    case question(size: Int)
    /// A unit that the generator ignores.
    case other(size: Int)
    /// The server has refused something, or its bytes cannot be read.
    case refusal(String)
}

/// The supported protocols.
enum WireProtocol: String, CaseIterable, Codable, Sendable {
    case ttms
    case nats
    case mqtt

    /// The protocol's operations, for calls that are not made for every frame.
    var wire: any Wire.Type {
        switch self {
        case .ttms: TTMSWire.self
        case .nats: NATSWire.self
        case .mqtt: MQTTWire.self
        }
    }
}

/// The fill of all payloads, after their stamp.
enum Fill {
    /// The byte of the fill, which no header contains.
    static let byte = UInt8(ascii: "x")

    /// Writes `stamp` and the fill to `target`, which has room for `payload` bytes.
    @inline(__always)
    static func write(_ stamp: Stamp, payload: Int, to target: UnsafeMutableRawPointer) {
        stamp.write(to: target)
        (target + Stamp.size).initializeMemory(as: UInt8.self, repeating: Self.byte, count: payload &- Stamp.size)
    }
}

/// Writes a CCID's eight hex digits without a `String` for each message.
enum HexDigits {
    @inline(__always)
    static func write(_ value: UInt32, to target: UnsafeMutableRawPointer) {
        var rest = value
        for offset in stride(from: 7, through: 0, by: -1) {
            let digit = UInt8(truncatingIfNeeded: rest & 0xf)
            target.storeBytes(of: digit &+ (digit < 10 ? 0x30 : 0x57), toByteOffset: offset, as: UInt8.self)
            rest &>>= 4
        }
    }
}
