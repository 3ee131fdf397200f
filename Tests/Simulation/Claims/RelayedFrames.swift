import TTMSProtocol

/// Finds the frames in what the relay writes to a terminal. Not by length fields, which are those of the senders' dialects: a reply
/// has 17 bytes, and the payloads of the simulation say their size.
struct RelayedFrames {
    private var bytes: [UInt8] = []
    private var offset = 0

    mutating func append(_ piece: UnsafeRawBufferPointer) {
        self.bytes += piece
    }

    /// Calls `body` with each whole frame and the offset of its end.
    ///
    /// - Parameter body: `false` ends the reading: the bytes make no sense any more.
    mutating func readFrames(_ body: (inout [UInt8], Int) -> Bool) {
        var start = 0
        while let size = self.size(at: start), start + size <= self.bytes.count {
            var frame = Array(self.bytes[start..<start + size])
            start += size
            self.offset += size
            guard body(&frame, self.offset) else { break }
        }
        self.bytes.removeFirst(start)
    }

    /// The size of the frame that begins at `start`; `nil` while that cannot be told.
    private func size(at start: Int) -> Int? {
        let count = self.bytes.count - start
        guard count >= Frame.minimumSize else { return nil }
        // Whatever is no data is looked at as a reply, and found wrong.
        guard self.bytes[start + 4] == UInt8(ascii: "X") else { return Frame.heartbeatSize }
        guard count >= Frame.contentOffset + NumberedPayload.headerSize else { return nil }
        return Frame.minimumSize + NumberedPayload.size(self.bytes[(start + Frame.contentOffset)...])
    }
}

/// A payload that says its number and its size: `number (4) size (2) fill`.
///
/// Its content is not checked by itself: who receives it compares the frame with the one that was sent under this number.
enum NumberedPayload {
    static let headerSize = 6

    /// The payload number `number`, of `size` bytes; at least ``headerSize``.
    static func bytes(_ number: Int, size: Int) -> [UInt8] {
        var bytes = (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) }
        bytes += [UInt8(truncatingIfNeeded: size >> 8), UInt8(truncatingIfNeeded: size)]
        // Above ASCII, so that no header stands in it, which would cut it in `marker`.
        let fill = 0x80 | UInt8(truncatingIfNeeded: number)
        bytes += Array(repeating: fill, count: size - Self.headerSize)
        return bytes
    }

    static func number(_ payload: ArraySlice<UInt8>) -> Int {
        payload.prefix(4).reduce(0) { $0 << 8 | Int($1) }
    }

    static func size(_ payload: ArraySlice<UInt8>) -> Int {
        payload.dropFirst(4).prefix(2).reduce(0) { $0 << 8 | Int($1) }
    }
}
