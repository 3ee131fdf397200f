import Foundation
import Testing

/// The relay's core under simulated time, sockets and disk: every seed is another history.
///
/// `SIMULATION_SEED=n` runs one seed and prints what happened; `SIMULATION_SEEDS=n` says how many are run, and `SIMULATION_FIRST=n`
/// from which on, by default from 1. All want `SWIFT_DETERMINISTIC_HASHING=1`, without which the order of sets and dictionaries is
/// another in every process.
@Suite("Simulation")
struct SimulationTests {
    private static let environment = ProcessInfo.processInfo.environment

    private static func number(_ key: String) -> UInt64? {
        Self.environment[key].flatMap { UInt64($0) }
    }

    @Test func guaranteesHoldUnderEverySeed() async {
        if let seed = Self.number("SIMULATION_SEED") {
            let world = World(seed: seed, isTraced: true)
            let violation = world.run()
            print("\(world.schedule)\n" + world.trace.lines.joined(separator: "\n"))
            if let violation { Self.report(seed, violation) }
            return
        }
        let count = Self.number("SIMULATION_SEEDS") ?? 500
        let first = Self.number("SIMULATION_FIRST") ?? 1
        let lanes = UInt64(ProcessInfo.processInfo.activeProcessorCount)
        await withTaskGroup(of: Void.self) { group in
            for lane in 0..<lanes {
                group.addTask {
                    for seed in stride(from: first + lane, to: first + count, by: Int(lanes)) {
                        if let violation = World(seed: seed).run() { Self.report(seed, violation) }
                    }
                }
            }
        }
    }

    private static func report(_ seed: UInt64, _ violation: String) {
        Issue.record(
            """
            seed \(seed): \(violation)
            See it with: SWIFT_DETERMINISTIC_HASHING=1 SIMULATION_SEED=\(seed) swift test --filter '^Simulation\\.'
            """
        )
    }
}
