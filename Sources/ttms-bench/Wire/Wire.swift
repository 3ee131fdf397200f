import NIOCore
import TTMSProtocol

/// What the load generator has to know of a server's protocol, so that every server gets the same work.
///
/// A conversation is one: a terminal says who it is and is answered, sends payloads to others by number, and gets what is for it.
/// Types, not values: what is called for every frame is then specialized, not looked up.
protocol Wire {
    /// Appends what a terminal says first; the server answers it once (``WireStep/answer(size:)``).
    static func writeRegistration(of terminal: CCID, into buffer: inout ByteBuffer)

    /// Appends what a registered terminal says to show that it lives; the server answers it once.
    static func writeHeartbeat(of terminal: CCID, into buffer: inout ByteBuffer)

    /// Appends a message whose payload begins with `stamp`.
    ///
    /// - Parameter payload: bytes of the payload, at least ``Stamp/size``.
    static func writeMessage(_ stamp: Stamp, to destination: CCID, payload: Int, into buffer: inout ByteBuffer)

    /// Looks at what stands first in `bytes`.
    static func step(_ bytes: UnsafeRawBufferPointer) -> WireStep

    /// Appends what the server is owed after ``WireStep/question(size:)``.
    static func writeAnswer(into buffer: inout ByteBuffer)

    /// Whether the server keeps messages for terminals that are away.
    static var keepsMessages: Bool { get }
}

/// What a server's bytes begin with; sizes are those of the whole unit, in bytes.
enum WireStep: Equatable {
    /// Nothing whole.
    case needsBytes
    /// A message, whose payload is `payload` of its bytes.
    case message(payload: Range<Int>, size: Int)
    /// The answer to a registration or a heartbeat.
    case answer(size: Int)
    /// The server wants to know whether we live.
    case question(size: Int)
    /// Something that needs no notice.
    case other(size: Int)
    /// The server has refused something, or what came cannot be read.
    case refusal(String)
}

/// The protocols there are.
enum WireProtocol: String, CaseIterable, Codable, Sendable {
    case ttms
    case nats
    case mqtt

    /// For what is not done for every frame.
    var wire: any Wire.Type {
        switch self {
        case .ttms: TTMSWire.self
        case .nats: NATSWire.self
        case .mqtt: MQTTWire.self
        }
    }
}

/// The bytes that all payloads are filled with behind their stamp.
enum Fill {
    /// What a payload is filled with: not a byte of any header.
    static let byte = UInt8(ascii: "x")

    /// Writes `stamp` and the fill to `target`, which has room for `payload` bytes.
    @inline(__always)
    static func write(_ stamp: Stamp, payload: Int, to target: UnsafeMutableRawPointer) {
        stamp.write(to: target)
        (target + Stamp.size).initializeMemory(as: UInt8.self, repeating: Self.byte, count: payload &- Stamp.size)
    }
}

/// A CCID's eight hex digits, without a `String` for each message.
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
