/// What a terminal's firmware puts into the length field (PROTOCOL.md, section 2).
///
/// The cases stand in the order in which a connection's first frame is tried against them.
public enum LengthDialect: String, CaseIterable, Sendable, Codable {
    /// All bytes of the frame: the BeiDou rule, and what new terminals should do.
    case total
    /// The bytes after the length field.
    case afterLength = "after-length"
    /// Address, command and content.
    case body
    /// Content only.
    case content
    /// Nothing: a frame ends where the next `$TTMS` begins, or where the burst ends.
    case marker

    /// The dialects in which the length field says where the frame ends.
    static let lengthDialects: [LengthDialect] = [.total, .afterLength, .body, .content]

    /// What a frame has beyond the bytes that the length field counts; `marker` counts nothing.
    @inlinable
    var uncounted: Int {
        switch self {
        case .total, .marker: 0
        case .afterLength: 7
        case .body: 8
        case .content: 13
        }
    }

    /// The bytes of the whole frame whose length field holds `lengthField`. It may lie outside the valid range of a frame.
    @inlinable
    public func frameSize(lengthField: UInt16) -> Int {
        Int(lengthField) &+ self.uncounted
    }

    /// What the length field of a frame of `frameSize` bytes says.
    ///
    /// - Returns: `nil` when the dialect cannot say it: in `marker`, and for sizes outside 13...65535.
    public func lengthField(frameSize: Int) -> UInt16? {
        guard self != .marker, (Frame.minimumSize...Frame.maximumSize).contains(frameSize) else { return nil }
        return UInt16(exactly: frameSize - self.uncounted)
    }
}
