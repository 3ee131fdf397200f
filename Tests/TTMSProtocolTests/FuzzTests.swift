import TTMSProtocol
import TestKit
import Testing

/// Random streams through the parser and through the reference, burst by burst. A seed that fails is named, and fails again.
struct FuzzTests {
    @Test("The parser says what the reference says", arguments: LengthDialect.allCases.map(Optional.some) + [nil])
    func againstReference(forced: LengthDialect?) {
        for seed in UInt64(0)..<1_500 {
            var random = SeededGenerator(seed: seed)
            let limit = [17, 40, 300, 65_535].randomElement(using: &random) ?? 17
            var feed = Feed(dialect: forced, maximumFrameSize: limit)
            var reference = ReferenceParser(dialect: forced, limit: limit)
            var log: [String] = []
            for burst in Self.bursts(Self.stream(dialect: forced, using: &random), using: &random) {
                let boundary: FrameParser.Boundary = Int.random(in: 0..<4, using: &random) == 0 ? .more : .burstEnd
                log.append("\(boundary): \(burst.hex)")
                feed.burst(burst, boundary: boundary)
                reference.burst(burst, boundary: boundary)
                #expect(feed.awaitsQuiet == reference.awaitsQuiet)
                if Int.random(in: 0..<5, using: &random) == 0 {
                    log.append("quiet")
                    feed.quiet()
                    reference.quiet()
                }
                guard feed.events == reference.events, feed.dialect == reference.dialect else { break }
            }
            guard feed.events == reference.events, feed.dialect == reference.dialect else {
                Issue.record(
                    """
                    seed \(seed), limit \(limit)
                    \(log.joined(separator: "\n"))
                    parser    \(String(describing: feed.dialect)) \(feed.events)
                    reference \(String(describing: reference.dialect)) \(reference.events)
                    """
                )
                return
            }
        }
    }

    @Test("A frame that the parser finds lies within what was offered, and has 13 bytes or more")
    func progress() {
        for seed in UInt64(10_000)..<13_000 {
            var random = SeededGenerator(seed: seed)
            var parser = FrameParser()
            var rest = Self.stream(dialect: nil, using: &random)
            steps: while !rest.isEmpty {
                let offer = GuardedBytes(rest)
                switch parser.step(offer.start, count: offer.count, boundary: .quiet) {
                case .frame(let size, let isSound):
                    guard (13...rest.count).contains(size), isSound == (rest.prefix(size).reduce(0, ^) == 0) else {
                        Issue.record("seed \(seed): \(size) of \(rest.count) bytes, isSound \(isSound): \(rest.hex)")
                        return
                    }
                    rest.removeFirst(size)
                case .needsBytes: break steps
                case .violation: break steps
                case .needsBytesOrQuiet:
                    Issue.record("seed \(seed): the quiet time has passed, and is asked for again: \(rest.hex)")
                    return
                }
            }
        }
    }

    /// Mostly frames, in one dialect or in any, some of them damaged; some bytes that are nothing.
    private static func stream(dialect: LengthDialect?, using random: inout SeededGenerator) -> [UInt8] {
        let spoken = dialect ?? LengthDialect.allCases.randomElement(using: &random) ?? .total
        var stream: [UInt8] = []
        if Int.random(in: 0..<10, using: &random) > 0 { stream += WireFrame.heartbeat(of: Vectors.one, dialect: spoken) }
        for _ in 0..<Int.random(in: 0..<8, using: &random) {
            var piece = Self.piece(spoken, using: &random)
            switch Int.random(in: 0..<12, using: &random) {
            case 0: piece.removeLast(.random(in: 0...piece.count, using: &random))
            case 1 where !piece.isEmpty:
                piece[.random(in: piece.indices, using: &random)] = .random(in: 0...255, using: &random)
            case 2: piece += random.bytes(.random(in: 1...3, using: &random))
            default: break
            }
            stream += piece
        }
        return stream
    }

    private static func piece(_ dialect: LengthDialect, using random: inout SeededGenerator) -> [UInt8] {
        // Letters of the header and zeros make near misses likely.
        let letters = Array("$TTMS".utf8) + [0, 0, 0x0d, 0xaa]
        let content = (0..<Int.random(in: 0..<40, using: &random)).map { _ in letters.randomElement(using: &random) ?? 0 }
        switch Int.random(in: 0..<10, using: &random) {
        case 0: return content
        case 1: return Array("$TTMS".utf8) + content
        case 2:
            let length = UInt16.random(in: 0..<60, using: &random)
            return WireFrame(lengthField: length, address: Vectors.two, command: 0xaa, content: content).bytes
        case 3: return WireFrame.heartbeat(of: Vectors.one, content: content, dialect: dialect)
        default: return WireFrame.data(to: Vectors.two, content, dialect: dialect)
        }
    }

    private static func bursts(_ stream: [UInt8], using random: inout SeededGenerator) -> [[UInt8]] {
        var bursts: [[UInt8]] = []
        var rest = stream[...]
        let largest = [1, 5, 20, 400].randomElement(using: &random) ?? 1
        while !rest.isEmpty {
            let size = Int.random(in: 1...largest, using: &random)
            bursts.append(Array(rest.prefix(size)))
            rest = rest.dropFirst(size)
        }
        return bursts
    }
}
