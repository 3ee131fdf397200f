import Testing

/// That the simulation notices what it is for: each fault is planted in a simulated part, and the claims have to catch it.
@Suite("Planted faults")
struct PlantedFaultTests {
    /// Many: some faults need a history of their own to show.
    private static let seeds: ClosedRange<UInt64> = 1...100

    @Test(arguments: PlantedFault.allCases)
    func claimsCatch(_ fault: PlantedFault) {
        let caught = Self.seeds.first { World(seed: $0, fault: fault).run() != nil }
        #expect(caught != nil, "\(fault) went unnoticed under \(Self.seeds.count) seeds")
    }

    @Test func sameSeedIsSameHistory() {
        for seed in UInt64(1)...5 {
            let traces = (0..<2).map { _ in
                let world = World(seed: seed, isTraced: true)
                _ = world.run()
                return world.trace.lines
            }
            #expect(traces[0] == traces[1])
        }
    }
}
