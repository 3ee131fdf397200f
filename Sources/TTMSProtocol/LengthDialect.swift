/// The meaning of the length field in a terminal's firmware (PROTOCOL.md, section 2).
///
/// The cases are in the order in which a connection's first frame is tried against them.
public enum LengthDialect: String, CaseIterable, Sendable, Codable {
    /// All bytes of the frame: the BeiDou rule, which new terminals should follow.
    case total
    /// The bytes after the length field.
    case afterLength = "after-length"
    /// The address, the command and the content.
    case body
    /// The content only.
    case content
    /// Nothing: a frame ends before the next `$TTMS`, or at the end of the burst.
    case marker

    /// The dialects in which the length field determines the end of a frame.
    static let lengthDialects: [LengthDialect] = [.total, .afterLength, .body, .content]

    /// The bytes of a frame that the length field does not count; 0 for `marker`, whose length field has no meaning.
    @inlinable
    var uncounted: Int {
        switch self {
        case .total, .marker: 0
        case .afterLength: 7
        case .body: 8
        case .content: 13
        }
    }

    /// The bytes of the whole frame whose length field is `lengthField`. The size may be outside the valid range of a frame.
    @inlinable
    public func frameSize(lengthField: UInt16) -> Int {
        Int(lengthField) &+ self.uncounted
    }

    /// The length field of a frame of `frameSize` bytes.
    ///
    /// - Returns: `nil` when the dialect has no such value: in `marker`, and for sizes outside 13...65535.
    public func lengthField(frameSize: Int) -> UInt16? {
        guard self != .marker, (Frame.minimumSize...Frame.maximumSize).contains(frameSize) else { return nil }
        return UInt16(exactly: frameSize - self.uncounted)
    }
}
