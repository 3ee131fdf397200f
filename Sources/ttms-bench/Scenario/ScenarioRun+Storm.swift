extension ScenarioRun {
    /// Reconnects a fleet with queued frames at once, while pairs send.
    func storm() async throws -> [PhaseResult] {
        let generator = self.generator
        guard let crowd = self.layout.groups.first else { return [] }
        try await self.step("connecting") { try await generator.arrive(self.layout.online) }
        var phases = [try await self.store(for: crowd).result]

        try await generator.start(self.layout.senders, pace: self.scenario.pace)
        try await Self.pass(self.scenario.warmup)
        phases.append(try await self.pairsDuring("calm") { try await Self.pass(self.scenario.seconds) }.result)

        var storm = try await self.pairsDuring("storm") { try await generator.arrive(crowd, frames: self.scenario.frames) }
        storm.result.figures["seconds until all are served"] = storm.result.seconds
        if let serving = LatencySummary(storm.measurements.serving) {
            storm.result.figures["served p50 ms"] = serving.p50 / 1_000
            storm.result.figures["served p99 ms"] = serving.p99 / 1_000
        }
        storm.result.figures["terminals served/s"] = Double(crowd.count) / storm.result.seconds
        phases.append(storm.result)

        phases.append(
            try await self.pairsDuring("all close") {
                try await generator.close(crowd)
                try await Self.pass(self.scenario.seconds)
            }.result
        )
        try await generator.stop()
        return phases
    }

    /// Measures the pairs; frames for the fleet are drained, not delivered.
    private func pairsDuring(_ name: String, _ body: @escaping @Sendable () async throws -> Void) async throws -> Measured {
        try await self.measure(name, "frames", work: \.delivered, body)
    }

    /// Fills the queues of offline terminals, and measures the time until the server has stored all frames.
    func store(for group: Range<Int>) async throws -> Measured {
        try await self.measure("store", "frames", work: \.stored) { try await self.fill(group) }
    }

    /// Fills the queues of offline terminals.
    func fill(_ group: Range<Int>) async throws {
        let frames = self.scenario.frames
        // The parts differ by one terminal at most.
        let senders = self.layout.storing(for: group)
        try await self.generator.store(senders.map(\.sender), frames: senders.map { $0.terminals * frames })
    }
}
