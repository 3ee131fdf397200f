import TTMSProtocol
import TestKit

/// The vectors of PROTOCOL.md, section 1, digit by digit.
enum Vectors {
    static let heartbeat = bytes("24 54 54 4d 53 00 11 00 00 00 01 01 00 00 00 00 2b")
    /// At Unix time 1700000000.
    static let reply = bytes("24 54 54 4d 53 00 11 00 00 00 01 01 65 53 f1 00 ec")
    static let data = bytes("24 54 54 4d 53 00 0f 00 00 00 02 aa 68 69 9c")
    /// As 00000002 gets it from 00000001.
    static let forwarded = bytes("24 54 54 4d 58 00 0f 00 00 00 01 aa 68 69 94")
    static let emptyData = bytes("24 54 54 4d 53 00 0d 00 00 00 02 aa 9f")
    static let headerInPayload = bytes("24 54 54 4d 53 00 14 00 00 00 02 aa 61 24 54 54 4d 53 62 bf")

    /// The heartbeat of 00000001 as each dialect's firmware sends it.
    static let heartbeats: [(dialect: LengthDialect, bytes: [UInt8])] = [
        (.total, Self.heartbeat),
        (.afterLength, bytes("24 54 54 4d 53 00 0a 00 00 00 01 01 00 00 00 00 30")),
        (.body, bytes("24 54 54 4d 53 00 09 00 00 00 01 01 00 00 00 00 33")),
        (.content, bytes("24 54 54 4d 53 00 04 00 00 00 01 01 00 00 00 00 3e")),
        (.marker, bytes("24 54 54 4d 53 00 00 00 00 00 01 01 00 00 00 00 3a")),
    ]

    static let one = CCID(rawValue: 1)
    static let two = CCID(rawValue: 2)
}

extension LengthDialect {
    /// All but `marker`.
    static let sizedDialects: [LengthDialect] = [.total, .afterLength, .body, .content]
}
