import TestKit
import Testing

extension Gates {
    /// No allocation per frame, per read or per write in the steady state.
    @Suite struct AllocationTests {
        @Test(arguments: Traffic.allCases) func framesTakeNoMemory(_ traffic: Traffic) async throws {
            let allocations = try AllocationCount()
            let relay = try await RelayProcess.start(Gates.settings, environment: allocations.environment)
            try await relay.whileRunning { relay in
                try #require(try allocations.value > 0, "the relay does not count what it allocates")
                let pairs = try Pairs(4, of: relay)
                // Until everything that keeps its room has it.
                try pairs.exchange(traffic.frames, traffic)
                for frames in [traffic.frames, 2 * traffic.frames] {
                    let before = try allocations.value
                    try pairs.exchange(frames, traffic)
                    let each = Double(try allocations.value - before) / Double(frames)
                    print("gate: \(each) allocations per frame, \(traffic), \(frames) frames")
                    #expect(each <= traffic.allocationLimit, "\(traffic), \(frames) frames; see Limits.swift")
                }
            }
        }
    }
}

extension Traffic {
    /// Enough that the relay's timers, which allocate by time, are few beside them; two seconds' worth.
    fileprivate var frames: Int {
        switch self {
        case .pipelined: 512_000
        case .unpipelined: 20_000
        }
    }
}
