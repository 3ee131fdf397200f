import TTMSProtocol
import TestKit
import Testing

/// Two kinds of traffic, by what a frame shares with others.
enum Traffic: CaseIterable, CustomTestStringConvertible {
    /// Frames come many in a read and leave many in a write, so that what counts is what each of them costs.
    case pipelined
    /// A frame comes alone and leaves alone: what counts is also a read, a write, and a turn of the event loop.
    case unpipelined

    /// Frames that a terminal sends at once.
    var batch: Int {
        switch self {
        case .pipelined: 64
        case .unpipelined: 1
        }
    }

    var testDescription: String { "\(self)" }
}

/// Terminals in pairs, of which the ends take turns in sending to each other, each as soon as it has everything from the other; one
/// pair after the other. So the relay finds the same to read each time it looks, however busy the machine is, and no acknowledgement
/// is late: it comes with the answer.
final class Pairs {
    private struct End {
        var terminal: TerminalClient
        var ccid: CCID
    }

    private let pairs: [[End]]
    /// The payload of the frames that DESIGN's figures are about.
    private static let payload = [UInt8](repeating: 0x55, count: 64)

    /// Registers the terminals of `count` pairs.
    ///
    /// - Throws: ``TerminalClient/Failure``.
    init(_ count: Int, of relay: RelayProcess) throws {
        self.pairs = try (0..<count).map { pair in
            try (0..<2).map { end in
                let ccid = CCID(rawValue: UInt32(0x7000 + 2 * pair + end))
                let terminal = try relay.connect()
                try terminal.register(ccid)
                return End(terminal: terminal, ccid: ccid)
            }
        }
    }

    /// Has frames go to and fro.
    ///
    /// - Parameter frames: how many; a multiple of what all ends send in one turn.
    /// - Throws: ``TerminalClient/Failure`` when they do not arrive.
    func exchange(_ frames: Int, _ traffic: Traffic) throws {
        let turns = frames / (self.pairs.count * 2 * traffic.batch)
        let bursts = self.pairs.map { ends in
            ends.map { [[UInt8]](repeating: WireFrame.data(to: $0.ccid, Self.payload), count: traffic.batch).flatMap(\.self) }
        }
        for _ in 0..<turns {
            for sender in 0..<2 {
                for (ends, bursts) in zip(self.pairs, bursts) {
                    let burst = bursts[1 - sender]
                    try ends[sender].terminal.send(burst)
                    _ = try ends[1 - sender].terminal.receive(burst.count)
                }
            }
        }
    }
}
