import TTMSProtocol

/// A frame as a terminal gets it from the relay.
enum ReceivedFrame: Equatable, Sendable {
    /// The answer to a heartbeat.
    case heartbeatReply(of: CCID, time: UInt32)
    /// Data from another terminal.
    case data(from: CCID, payload: [UInt8])
}

/// Finds where frames from the relay end.
///
/// The relay leaves the length field of forwarded data as its source wrote it, so a terminal cannot trust it: a frame's end is
/// where the checksum holds, and nothing or another header follows. Of such places one that the length field means, in any
/// dialect, is taken first.
struct FrameReader: Sendable {
    /// What the bytes on offer are.
    enum Step: Equatable, Sendable {
        /// The first `size` bytes are a frame.
        case frame(ReceivedFrame, size: Int)
        /// No frame yet.
        case needsBytes
        /// No frame yet, but when no byte comes for a moment, the bytes are one as they stand: step again with `isQuiet`.
        case needsBytesOrQuiet
        /// What came is not from a relay.
        case notAFrame
    }

    /// Looks for a frame at the first of `bytes`.
    static func step(_ bytes: UnsafeRawBufferPointer, isQuiet: Bool = false) -> Step {
        guard Self.beginsWithHeader(bytes[...]) else { return .notAFrame }
        guard bytes.count >= Frame.minimumSize else { return .needsBytes }

        let lengthField = UInt16(bytes[Frame.lengthOffset]) << 8 | UInt16(bytes[Frame.lengthOffset + 1])
        var isUndecided = false
        for dialect in LengthDialect.allCases where dialect != .marker {
            let size = dialect.frameSize(lengthField: lengthField)
            guard (Frame.minimumSize...Frame.maximumSize).contains(size) else { continue }
            if size > bytes.count {
                isUndecided = true
            } else if Self.isFrame(bytes, size: size) {
                return Self.frame(bytes, size: size)
            }
        }
        // Here the whole next header is asked for: its first bytes alone could be a payload's.
        for size in Frame.minimumSize..<max(Frame.minimumSize, bytes.count - Frame.headerSize + 1)
        where Self.isFrame(bytes, size: size) {
            return Self.frame(bytes, size: size)
        }
        guard bytes.count <= Frame.maximumSize else { return .notAFrame }
        guard Self.isFrame(bytes, size: bytes.count) else { return .needsBytes }
        return isUndecided && !isQuiet ? .needsBytesOrQuiet : Self.frame(bytes, size: bytes.count)
    }

    /// Whether the checksum over the first `size` bytes holds, and nothing or another header follows.
    private static func isFrame(_ bytes: UnsafeRawBufferPointer, size: Int) -> Bool {
        guard let start = bytes.baseAddress, Self.beginsWithHeader(bytes[size...]) else { return false }
        return Checksum.xor(start, count: size) == 0
    }

    private static func frame(_ bytes: UnsafeRawBufferPointer, size: Int) -> Step {
        func number(at offset: Int) -> UInt32 {
            bytes[offset..<offset + 4].reduce(0) { $0 << 8 | UInt32($1) }
        }
        let address = CCID(rawValue: number(at: Frame.addressOffset))
        let content = bytes[Frame.contentOffset..<size - 1]
        switch Command(rawValue: bytes[Frame.commandOffset]) {
        case .heartbeat where content.count == 4:
            return .frame(.heartbeatReply(of: address, time: number(at: Frame.contentOffset)), size: size)
        case .data: return .frame(.data(from: address, payload: Array(content)), size: size)
        default: return .notAFrame
        }
    }

    /// Whether the bytes begin with `$TTMS` or `$TTMX`, as far as they go; no bytes do.
    private static func beginsWithHeader(_ bytes: Slice<UnsafeRawBufferPointer>) -> Bool {
        let prefix = bytes.prefix(Frame.headerSize)
        return "$TTMS".utf8.starts(with: prefix) || "$TTMX".utf8.starts(with: prefix)
    }
}
