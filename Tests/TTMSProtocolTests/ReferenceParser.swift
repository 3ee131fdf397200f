import TTMSProtocol

/// PROTOCOL.md, section 2, as one would write it down with all the time in the world: it remembers nothing but the bytes and the
/// dialect, and looks at all of them each time. What it says is compared with what `FrameParser` says.
struct ReferenceParser {
    private(set) var dialect: LengthDialect?
    private(set) var events: [FrameEvent] = []
    private(set) var awaitsQuiet = false
    private let limit: Int
    private var pending: [UInt8] = []
    private var isClosed = false

    private enum Outcome {
        case frame(Int)
        case wait(quiet: Bool)
        case violation(Violation)
    }

    init(dialect: LengthDialect? = nil, limit: Int = 65_535) {
        self.dialect = dialect
        self.limit = limit
    }

    mutating func burst(_ bytes: some Collection<UInt8>, boundary: FrameParser.Boundary = .burstEnd) {
        self.pending += bytes
        self.run(boundary)
    }

    mutating func quiet() {
        if self.awaitsQuiet { self.run(.quiet) }
    }

    private mutating func run(_ boundary: FrameParser.Boundary) {
        self.awaitsQuiet = false
        while !self.pending.isEmpty, !self.isClosed {
            switch self.outcome(boundary) {
            case .frame(let size):
                let frame = Array(self.pending.prefix(size))
                self.events.append(.frame(frame, isSound: Self.xor(frame) == 0))
                self.pending.removeFirst(size)
            case .wait(let quiet):
                self.awaitsQuiet = quiet
                return
            case .violation(let violation):
                self.events.append(.violation(violation))
                self.isClosed = true
            }
        }
    }

    private mutating func outcome(_ boundary: FrameParser.Boundary) -> Outcome {
        guard Self.isHeaderOrItsBeginning(self.pending) else { return .violation(.badHeader) }
        if self.dialect == nil {
            if let size = self.learn(boundary) { return .frame(size) }
            if self.isBeginningOfHeartbeat || self.mayBecomeLengthDialect && boundary != .quiet {
                return .wait(quiet: boundary == .burstEnd)
            }
            self.dialect = .marker
        }
        return self.dialect == .marker ? self.marked(boundary) : self.sized()
    }

    /// "A length dialect is taken when the frame it announces is complete, its XOR holds, and it is followed by nothing or by
    /// another `$TTMS`". Followed by nothing can be said only where a burst ends; and since a heartbeat has 17 bytes, less than
    /// that is believed to be followed by nothing only after the quiet time.
    private mutating func learn(_ boundary: FrameParser.Boundary) -> Int? {
        if self.isHeartbeatAndMore { return nil }
        for (dialect, size) in self.announcements where size <= self.pending.count && self.holds(size) {
            let isLast = size == self.pending.count
            if isLast, boundary == .more || (boundary == .burstEnd && size < 17) { continue }
            self.dialect = dialect
            return size
        }
        return nil
    }

    private var mayBecomeLengthDialect: Bool {
        if self.isHeartbeatAndMore { return false }
        return self.pending.count < 7 || self.announcements.contains { $0.size > self.pending.count || self.holds($0.size) }
    }

    /// A sound heartbeat that something else than a frame follows.
    private var isHeartbeatAndMore: Bool {
        self.announcements.contains { $0.size == 17 } && self.pending.count > 17 && Self.xor(self.pending.prefix(17)) == 0
            && !self.holds(17)
    }

    /// The beginning of a heartbeat is awaited for longer than the quiet time.
    private var isBeginningOfHeartbeat: Bool {
        let count = self.pending.count
        guard count < 17, count < 12 || self.pending[11] == 1 else { return false }
        return count < 13 || Self.xor(self.pending) != 0
    }

    private func holds(_ size: Int) -> Bool {
        Self.xor(self.pending.prefix(size)) == 0 && Self.isHeaderOrItsBeginning(self.pending.dropFirst(size))
    }

    /// The valid sizes that the length field can mean, in the order of the table.
    private var announcements: [(dialect: LengthDialect, size: Int)] {
        guard self.pending.count >= 7 else { return [] }
        return [LengthDialect.total, .afterLength, .body, .content]
            .map { ($0, self.announcedSize(in: $0)) }
            .filter { (13...self.limit).contains($0.1) }
    }

    private func announcedSize(in dialect: LengthDialect) -> Int {
        let length = Int(self.pending[5]) * 256 + Int(self.pending[6])
        switch dialect {
        case .total, .marker: return length
        case .afterLength: return 5 + 2 + length
        case .body: return 5 + 2 + length + 1
        case .content: return 5 + 2 + 4 + 1 + length + 1
        }
    }

    private func sized() -> Outcome {
        guard let dialect = self.dialect, self.pending.count >= 7 else { return .wait(quiet: false) }
        let size = self.announcedSize(in: dialect)
        if size < 13 { return .violation(.tooShort) }
        if size > self.limit { return .violation(.tooLong) }
        if size > self.pending.count { return .wait(quiet: false) }
        return Self.xor(self.pending.prefix(size)) == 0 ? .frame(size) : .violation(.checksumMismatch)
    }

    private func marked(_ boundary: FrameParser.Boundary) -> Outcome {
        let next = self.pending.indices.dropFirst(5).first { self.pending[$0...].starts(with: Self.header) }
        if let next { return self.taken(next) }
        if self.pending.count > self.limit { return .violation(.tooLong) }
        if boundary == .more { return .wait(quiet: false) }
        for cut in 0..<5 where Self.header.starts(with: self.pending.suffix(cut)) {
            let size = self.pending.count - cut
            if size >= 13, Self.xor(self.pending.prefix(size)) == 0 { return .frame(size) }
        }
        if boundary == .burstEnd { return .wait(quiet: true) }
        return self.pending.count <= 5 ? .wait(quiet: false) : self.taken(self.pending.count)
    }

    private func taken(_ size: Int) -> Outcome {
        if size < 13 { return .violation(.tooShort) }
        if size > self.limit { return .violation(.tooLong) }
        return .frame(size)
    }

    private static let header = Array("$TTMS".utf8)

    private static func isHeaderOrItsBeginning(_ bytes: some Collection<UInt8>) -> Bool {
        bytes.prefix(5).elementsEqual(Self.header.prefix(bytes.count))
    }

    private static func xor(_ bytes: some Collection<UInt8>) -> UInt8 {
        bytes.reduce(0, ^)
    }
}
