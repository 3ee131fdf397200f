import NIOCore
import RelayCore
import TTMSProtocol

/// The record of a ``MessageTrace`` in the family `traces`, under its message's id.
///
///     byte 0   1      2      6            10      14       18         24 ...
///     format   state  times  destination  source  frame    attempts   acceptedAt, then a time for each bit of `times`
///     1        1      4      4            4       4, size  4          8 each, µs
///
/// All integers are big-endian.
enum TraceRecord {
    private static let format: UInt8 = 1

    /// The states by their numbers on disk, from 1 on. A number is never used for another state.
    private static let states: [MessageTrace.State] = [
        .accepted, .queued, .inFlight, .acknowledged, .confirmed, .expired, .deleted, .evicted,
    ]

    static func write(_ trace: MessageTrace, to buffer: inout ByteBuffer) {
        let times = [
            trace.expiresAt, trace.queuedAt, trace.writtenAt, trace.requeuedAt, trace.acknowledgedAt, trace.confirmedAt,
            trace.droppedAt,
        ]
        let present = times.enumerated().reduce(UInt32(0)) { $1.element == nil ? $0 : $0 | 1 << $1.offset }
        let state = UInt8(truncatingIfNeeded: (Self.states.firstIndex(of: trace.state) ?? 0) + 1)
        buffer.writeMultipleIntegers(Self.format, state, present)
        buffer.writeMultipleIntegers(trace.destination.rawValue, trace.source.rawValue)
        buffer.writeMultipleIntegers(UInt32(clamping: trace.frameBytes), trace.attempts, trace.acceptedAt.microseconds)
        for time in times.compactMap(\.self) { buffer.writeInteger(time.microseconds) }
    }

    /// - Returns: `nil` when this release does not write such a record.
    static func read(_ id: MessageID, from bytes: UnsafeRawBufferPointer) -> MessageTrace? {
        var buffer = ByteBuffer(bytes: bytes)
        guard let (format, state, present) = buffer.readMultipleIntegers(as: (UInt8, UInt8, UInt32).self),
            let (destination, source) = buffer.readMultipleIntegers(as: (UInt32, UInt32).self),
            let (frameBytes, attempts, acceptedAt) = buffer.readMultipleIntegers(as: (UInt32, UInt32, Int64).self),
            format == Self.format, state >= 1, Int(state) <= Self.states.count, present >> 7 == 0
        else { return nil }
        var times: [Timestamp?] = []
        for index in 0..<7 {
            guard present & 1 << index != 0 else {
                times.append(nil)
                continue
            }
            guard let time = buffer.readInteger(as: Int64.self) else { return nil }
            times.append(Timestamp(microseconds: time))
        }
        guard buffer.readableBytes == 0 else { return nil }
        let message = MessageTrace(
            id: id,
            destination: CCID(rawValue: destination),
            source: CCID(rawValue: source),
            frameBytes: Int(frameBytes),
            acceptedAt: Timestamp(microseconds: acceptedAt),
            expiresAt: times[0]
        )
        return MessageTrace(
            of: message,
            state: Self.states[Int(state) - 1],
            attempts: attempts,
            times: (times[1], times[2], times[3], times[4], times[5], times[6])
        )
    }
}

/// The record of the used keys of one place (``IdempotencyKey/place``), nearly always one. A format byte, and then for each key
/// the message, the time, the answer (1 byte), and name and content, each after its size (2 bytes).
enum KeyRecord {
    private static let format: UInt8 = 1

    static func write(_ uses: [UsedKey], to buffer: inout ByteBuffer) {
        buffer.writeInteger(Self.format)
        for use in uses {
            let answer: UInt8 = use.answer == .inFlight ? 1 : 0
            buffer.writeMultipleIntegers(use.id.rawValue, use.usedAt.microseconds, answer)
            for bytes in [use.key.name, use.key.content] {
                buffer.writeInteger(UInt16(clamping: bytes.count))
                buffer.writeBytes(bytes.prefix(Int(UInt16.max)))
            }
        }
    }

    /// - Returns: `nil` when this release does not write such a record.
    static func read(_ bytes: UnsafeRawBufferPointer) -> [UsedKey]? {
        var buffer = ByteBuffer(bytes: bytes)
        guard buffer.readInteger(as: UInt8.self) == Self.format else { return nil }
        var uses: [UsedKey] = []
        while buffer.readableBytes > 0 {
            guard let (id, usedAt, answer) = buffer.readMultipleIntegers(as: (UInt64, Int64, UInt8).self),
                let name = buffer.readInteger(as: UInt16.self).flatMap({ buffer.readBytes(length: Int($0)) }),
                let content = buffer.readInteger(as: UInt16.self).flatMap({ buffer.readBytes(length: Int($0)) })
            else { return nil }
            uses.append(
                UsedKey(
                    IdempotencyKey(name: name, content: content),
                    id: MessageID(rawValue: id),
                    usedAt: Timestamp(microseconds: usedAt),
                    answer: answer == 1 ? .inFlight : .queued
                )
            )
        }
        return uses.isEmpty ? nil : uses
    }
}

/// The record of a ``TraceSwitch`` that is on: its end, and the number of messages that it still traces.
enum SwitchRecord {
    static func write(_ traceSwitch: TraceSwitch, to buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(traceSwitch.until.microseconds, traceSwitch.remaining)
    }

    /// - Returns: `nil` when this release does not write such a record.
    static func read(_ bytes: UnsafeRawBufferPointer) -> TraceSwitch? {
        var buffer = ByteBuffer(bytes: bytes)
        guard let (until, remaining) = buffer.readMultipleIntegers(as: (Int64, UInt32).self), buffer.readableBytes == 0
        else { return nil }
        return TraceSwitch(until: Timestamp(microseconds: until), remaining: remaining)
    }
}
