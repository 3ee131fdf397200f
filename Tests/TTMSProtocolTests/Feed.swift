import TTMSProtocol
import TestKit

/// What comes out of a parser.
enum FrameEvent: Equatable, Sendable, CustomStringConvertible {
    case frame([UInt8], isSound: Bool)
    case violation(Violation)

    var description: String {
        switch self {
        case .frame(let bytes, let isSound): "\(isSound ? "sound" : "unsound") [\(bytes.hex)]"
        case .violation(let violation): "violation \(violation)"
        }
    }
}

/// Takes the part of a connection: keeps the bytes that have not made a frame, offers them again with what came since, and stops
/// at a violation. Every offer lies in guarded memory, so each test that feeds also finds reads behind the offered bytes.
struct Feed {
    private(set) var parser: FrameParser
    private(set) var events: [FrameEvent] = []
    /// Whether the parser asked for the quiet time in its last step.
    private(set) var awaitsQuiet = false
    private(set) var isClosed = false
    private var pending: [UInt8] = []

    init(dialect: LengthDialect? = nil, maximumFrameSize: Int = Frame.maximumSize) {
        self.parser = FrameParser(dialect: dialect, maximumFrameSize: maximumFrameSize)
    }

    var dialect: LengthDialect? { self.parser.dialect }

    /// What one read returns.
    mutating func burst(_ bytes: some Collection<UInt8>, boundary: FrameParser.Boundary = .burstEnd) {
        self.pending += bytes
        self.run(boundary)
    }

    /// The quiet time passes; nothing happens unless the parser waits for it.
    mutating func quiet() {
        if self.awaitsQuiet { self.run(.quiet) }
    }

    private mutating func run(_ boundary: FrameParser.Boundary) {
        self.awaitsQuiet = false
        while !self.pending.isEmpty, !self.isClosed {
            let offer = GuardedBytes(self.pending)
            switch self.parser.step(offer.start, count: offer.count, boundary: boundary) {
            case .frame(let size, let isSound):
                self.events.append(.frame(Array(self.pending.prefix(size)), isSound: isSound))
                self.pending.removeFirst(size)
            case .needsBytes: return
            case .needsBytesOrQuiet:
                self.awaitsQuiet = true
                return
            case .violation(let violation):
                self.events.append(.violation(violation))
                self.isClosed = true
            }
        }
    }
}

extension [FrameEvent] {
    /// The events of sound frames that hold these bytes.
    static func sound(_ frames: [UInt8]...) -> Self {
        frames.map { .frame($0, isSound: true) }
    }
}
