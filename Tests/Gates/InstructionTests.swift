import TestKit
import Testing

extension Gates {
    /// How many instructions of the relay's own a frame takes.
    @Suite struct InstructionTests {
        /// How often the same is counted. What the relay does by time, and not by frame, comes on top, more of it on a busy machine and
        /// never less than none: so the smallest count is the one that tells most.
        private static let rounds = 12

        @Test func framesTakeFewInstructions() async throws {
            let callgrind = try await Callgrind("ttms-relayd")
            let relay = try RelayProcess(Gates.settings, environment: callgrind.environment, command: callgrind.command)
            // Valgrind reads the symbols of all libraries first.
            try await relay.start(within: .seconds(180))
            try await relay.whileRunning { relay in
                let pid = try relay.pid
                let pairs = try Pairs(2, of: relay)
                try await callgrind.begin(pid)
                for traffic in Traffic.allCases {
                    // Until all code is translated, and everything that keeps its room has it.
                    try pairs.exchange(traffic.frames, traffic)
                    _ = try await callgrind.instructions(pid)
                    var least = Int.max
                    // What a count takes by itself, and a relay that rests.
                    var leastOfNone = Int.max
                    for _ in 0..<Self.rounds {
                        leastOfNone = min(leastOfNone, try await callgrind.instructions(pid))
                        try pairs.exchange(traffic.frames, traffic)
                        least = min(least, try await callgrind.instructions(pid))
                    }
                    let each = Double(least - leastOfNone) / Double(traffic.frames)
                    print("gate: \(each) instructions per frame, \(traffic)")
                    #expect(each <= traffic.instructionLimit, "\(traffic); see Limits.swift")
                    // A relay does not become so cheap: then the count does not count.
                    #expect(each > traffic.instructionLimit / 4, "\(traffic)")
                }
            }
        }
    }
}

extension Traffic {
    /// So few that some rounds are disturbed by next to nothing, and so many that what a first frame takes more is little beside them.
    fileprivate var frames: Int {
        switch self {
        case .pipelined: 10_240
        case .unpipelined: 800
        }
    }
}
