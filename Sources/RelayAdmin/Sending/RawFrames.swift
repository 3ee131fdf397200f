import AdminAPI
import TTMSProtocol

/// Parses a body of raw frames in the dialect `total`.
enum RawFrames {
    /// A data frame of the body.
    struct DataFrame: Equatable {
        let destination: CCID
        let payload: [UInt8]
    }

    /// Parses all frames of the body; one wrong frame refuses the whole body.
    ///
    /// - Throws: ``ProblemDetails``.
    static func parse(_ body: [UInt8]) throws(ProblemDetails) -> [DataFrame] {
        guard !body.isEmpty else {
            throw ProblemDetails(.invalidFrame, detail: "The body is empty. It has to contain at least one data frame.")
        }
        var parser = FrameParser(dialect: .total)
        var frames: [DataFrame] = []
        let problem = body.withUnsafeBytes { bytes -> ProblemDetails? in
            var rest = bytes[...]
            while let start = UnsafeRawBufferPointer(rebasing: rest).baseAddress {
                switch parser.step(start, count: rest.count, boundary: .quiet) {
                case .frame(let size, let isSound):
                    let frame = FrameView(bytes: start, size: size, isSound: isSound)
                    guard frame.command == Command.data.rawValue else {
                        return self.invalid(
                            frames.count,
                            "Its command is not 0xaa: only data frames can be sent to a terminal."
                        )
                    }
                    frames.append(DataFrame(destination: frame.address, payload: Array(frame.content)))
                    rest = rest.dropFirst(size)
                case .needsBytes, .needsBytesOrQuiet:
                    return self.invalid(
                        frames.count,
                        "The body ends before the frame does. The length field has to count all its bytes."
                    )
                case .violation(let violation):
                    return self.invalid(frames.count, self.explanation(violation))
                }
                if rest.isEmpty { return nil }
            }
            return nil
        }
        if let problem { throw problem }
        return frames
    }

    private static func explanation(_ violation: Violation) -> String {
        switch violation {
        case .badHeader: "It does not begin with $TTMS."
        case .tooShort: "Its length field is less than 13. It has to count all bytes of the frame."
        case .tooLong: "Its length field is more than a frame may have."
        case .checksumMismatch: "Its checksum is not the XOR of all bytes before it."
        }
    }

    private static func invalid(_ index: Int, _ detail: String) -> ProblemDetails {
        ProblemDetails(
            .invalidFrame,
            detail: "Frame \(index), counted from 0, is wrong, and none was sent: \(detail)",
            errors: [ProblemDetails.Flaw(pointer: "/\(index)", detail: detail)]
        )
    }
}
