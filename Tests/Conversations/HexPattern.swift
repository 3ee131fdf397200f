import Foundation
import TestKit

/// Frames in hex, each token one of
/// - two digits: that byte; `61*300`: that byte 300 times;
/// - `tt` four times in a row: the relay's time in Unix seconds; `mm`: the low 32 bits of its milliseconds;
/// - `^^`: the XOR of the bytes before it in the same frame.
struct HexPattern: Sendable, CustomStringConvertible {
    private enum Token: Sendable {
        case byte(UInt8)
        case seconds
        case milliseconds
        case checksum
    }

    /// What does not fit.
    struct Mismatch: Error, CustomStringConvertible {
        let description: String
    }

    /// The frames as they stand in the data.
    let description: String
    private let frames: [[Token]]

    /// Bytes that it stands for.
    var count: Int { self.frames.reduce(0) { $0 + $1.count } }

    /// The bytes to send.
    ///
    /// - Throws: ``Mismatch`` when it holds a time: only the relay knows that.
    func literal() throws -> [UInt8] {
        try self.frames.flatMap { frame in
            try frame.reduce(into: [UInt8]()) { bytes, token in
                switch token {
                case .byte(let byte): bytes.append(byte)
                case .checksum: bytes.append(bytes.reduce(0, ^))
                case .seconds, .milliseconds: throw Mismatch(description: "a time cannot be sent: \(self.description)")
                }
            }
        }
    }

    /// Compares.
    ///
    /// - Parameter clock: Unix milliseconds between which a time has to lie.
    /// - Throws: ``Mismatch``, with both sides in hex.
    func match(_ received: [UInt8], clock: ClosedRange<Int64>) throws {
        var rest = received[...]
        for frame in self.frames {
            let actual = Array(rest.prefix(frame.count))
            rest = rest.dropFirst(frame.count)
            guard actual.count == frame.count, Self.matches(frame, actual, clock: clock) else {
                throw Mismatch(
                    description: "expected \(self.description)\nreceived \(received.hex)\ndiffering in the frame \(actual.hex)"
                )
            }
        }
    }

    private static func matches(_ frame: [Token], _ actual: [UInt8], clock: ClosedRange<Int64>) -> Bool {
        var index = 0
        while index < frame.count {
            switch frame[index] {
            case .byte(let byte): guard actual[index] == byte else { return false }
            case .checksum: guard actual[index] == actual[..<index].reduce(0, ^) else { return false }
            case .seconds, .milliseconds:
                guard index + 4 <= frame.count else { return false }
                let time = actual[index..<index + 4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
                guard Self.isTime(time, frame[index], clock: clock) else { return false }
                index += 3
            }
            index += 1
        }
        return true
    }

    private static func isTime(_ time: UInt32, _ unit: Token, clock: ClosedRange<Int64>) -> Bool {
        if case .milliseconds = unit {
            // Only the low 32 bits are there, so the distance is taken modulo 2^32.
            let age = UInt32(truncatingIfNeeded: clock.upperBound) &- time
            return Int64(age) <= clock.upperBound - clock.lowerBound
        }
        return (clock.lowerBound / 1_000...clock.upperBound / 1_000).contains(Int64(time))
    }
}

extension HexPattern: Decodable {
    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let texts = try (try? container.decode(String.self)).map { [$0] } ?? container.decode([String].self)
        self.description = texts.joined(separator: " | ")
        self.frames = try texts.map { text in
            try text.split(separator: " ").flatMap { token in
                guard let tokens = Self.tokens(token) else {
                    throw DecodingError.dataCorruptedError(in: container, debugDescription: "'\(token)' in '\(text)'")
                }
                return tokens
            }
        }
    }

    private static func tokens(_ text: Substring) -> [Token]? {
        switch text {
        case "tt": return [.seconds]
        case "mm": return [.milliseconds]
        case "^^": return [.checksum]
        default:
            let parts = text.split(separator: "*", omittingEmptySubsequences: false)
            guard let digits = parts.first, digits.count == 2, let byte = UInt8(digits, radix: 16) else { return nil }
            if parts.count == 1 { return [.byte(byte)] }
            guard parts.count == 2, let count = Int(parts[1]), (1...65_535).contains(count) else { return nil }
            return Array(repeating: .byte(byte), count: count)
        }
    }
}
