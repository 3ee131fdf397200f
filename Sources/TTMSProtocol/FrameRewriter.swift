/// Writes the frames that the relay sends (PROTOCOL.md, 3.2 and 3.3). Each function fills memory that the caller has reserved,
/// which is the only copy of a frame in the relay.
public enum FrameRewriter {
    /// Writes `frame` as its destination receives it: header `$TTMX`, the address `source`, length and payload unchanged.
    ///
    /// The checksum of a sound frame is derived from the changed bytes; only the one of an unsound frame is computed over all bytes.
    ///
    /// - Parameter target: room for `frame.size` bytes.
    @inlinable
    @inline(__always)
    public static func forward(_ frame: FrameView, from source: CCID, to target: UnsafeMutableRawPointer) {
        target.copyMemory(from: frame.bytes, byteCount: frame.size)
        let sourceWord = source.rawValue.bigEndian
        target.storeBytes(of: Frame.forwardMark, toByteOffset: Frame.headerSize &- 1, as: UInt8.self)
        target.storeBytes(of: sourceWord, toByteOffset: Frame.addressOffset, as: UInt32.self)
        let last = frame.size &- 1
        if frame.isSound {
            let change =
                Frame.terminalMark ^ Frame.forwardMark ^ Checksum.fold(frame.addressWord) ^ Checksum.fold(sourceWord)
            let checksum = frame.bytes.load(fromByteOffset: last, as: UInt8.self)
            target.storeBytes(of: checksum ^ change, toByteOffset: last, as: UInt8.self)
        } else {
            target.storeBytes(of: Checksum.xor(target, count: last), toByteOffset: last, as: UInt8.self)
        }
    }

    /// Writes the 17 bytes of the reply to the heartbeat `frame`: header `$TTMS`, its address and command, the relay's time.
    ///
    /// The length field is unchanged when the heartbeat has 17 bytes itself, or when the dialect is `marker`. Otherwise it becomes
    /// the length of 17 bytes in `dialect`.
    ///
    /// - Parameters:
    ///   - time: the content that ``HeartbeatTime`` computes from the clock.
    ///   - target: room for ``Frame/heartbeatSize`` bytes.
    @inlinable
    public static func heartbeatReply(
        to frame: FrameView,
        dialect: LengthDialect,
        time: UInt32,
        target: UnsafeMutableRawPointer
    ) {
        target.copyMemory(from: frame.bytes, byteCount: Frame.contentOffset)
        if frame.size != Frame.heartbeatSize, let length = dialect.lengthField(frameSize: Frame.heartbeatSize) {
            target.storeBytes(of: length.bigEndian, toByteOffset: Frame.lengthOffset, as: UInt16.self)
        }
        target.storeBytes(of: time.bigEndian, toByteOffset: Frame.contentOffset, as: UInt32.self)
        let last = Frame.heartbeatSize - 1
        target.storeBytes(of: Checksum.xor(target, count: last), toByteOffset: last, as: UInt8.self)
    }
}
