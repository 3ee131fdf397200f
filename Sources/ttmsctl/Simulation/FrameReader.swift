import TTMSProtocol

/// A frame as a terminal gets it from the relay.
enum ReceivedFrame: Equatable, Sendable {
    /// The answer to a heartbeat.
    case heartbeatReply(of: CCID, time: UInt32)
    /// Data from another terminal.
    case data(from: CCID, payload: [UInt8])
}

/// Finds the ends of frames from the relay.
///
/// The relay does not change the length field of forwarded data, so its dialect is not known. A frame ends where the checksum
/// holds, and nothing or another header follows. An end that the length field gives in any dialect has precedence.
struct FrameReader: Sendable {
    /// The result of one step.
    enum Step: Equatable, Sendable {
        /// The first `size` bytes are a frame.
        case frame(ReceivedFrame, size: Int)
        /// No frame yet.
        case needsBytes
        /// No frame yet. If no byte arrives for a moment, the bytes are a frame: step again with `isQuiet`.
        case needsBytesOrQuiet
        /// The bytes are not from a relay.
        case notAFrame
    }

    /// Finds a frame at the start of `bytes`.
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
        // This search requires the whole next header: its first bytes alone could belong to a payload.
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

    /// Whether the bytes begin with `$TTMS` or `$TTMX`, or with a part of one; true for no bytes.
    private static func beginsWithHeader(_ bytes: Slice<UnsafeRawBufferPointer>) -> Bool {
        let prefix = bytes.prefix(Frame.headerSize)
        return "$TTMS".utf8.starts(with: prefix) || "$TTMX".utf8.starts(with: prefix)
    }
}
