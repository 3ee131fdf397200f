extension ScenarioRun {
    /// Seconds before memory is measured: a server may return memory after a delay.
    private static let rest = 1.0

    /// Measures the cost of each idle terminal: after its registration, its first frame, and a day of heartbeats.
    func idle() async throws -> [PhaseResult] {
        let generator = self.generator
        let terminals = self.layout.online
        let before = try self.server.process?.sample()
        var phases: [PhaseResult] = []

        let registered = try await self.measure("registered", "terminals", work: \.served) {
            try await generator.arrive(terminals)
        }
        phases.append(try await self.weighed(registered.result, since: before))

        let sent = try await self.measure("each has sent", "frames", work: \.delivered) {
            try await generator.start(self.layout.senders, pace: .once)
            while try await generator.counts().delivered < terminals.count { try await Self.pass(0.02) }
        }
        phases.append(try await self.weighed(sent.result, since: before))

        if self.scenario.heartbeats > 0 {
            let day = try await self.measure("heartbeats", "heartbeats", work: \.heartbeats) {
                try await generator.heartbeats(terminals, count: self.scenario.heartbeats)
            }
            phases.append(try await self.weighed(day.result, since: before))
        }
        return phases
    }

    private func weighed(_ result: PhaseResult, since before: ServerSample?) async throws -> PhaseResult {
        try await Self.pass(Self.rest)
        var result = result
        guard let before, let now = try self.server.process?.sample() else { return result }
        let count = Double(self.layout.online.count)
        result.server = PhaseResult.ServerUse(now)
        result.figures["resident bytes per terminal"] = Double(now.residentBytes - before.residentBytes) / count
        if let own = now.proportionalBytes, let ownBefore = before.proportionalBytes {
            result.figures["proportional bytes per terminal"] = Double(own - ownBefore) / count
        }
        return result
    }
}
