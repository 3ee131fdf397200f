import AdminAPI
import FoundationEssentials
import NIOCore

extension ScenarioRun {
    /// Fills queues, drains them while others are filled, and drains those alone.
    func backlog() async throws -> [PhaseResult] {
        let generator = self.generator
        guard self.layout.groups.count == 2 else { return [] }
        let (first, second) = (self.layout.groups[0], self.layout.groups[1])
        let frames = self.scenario.frames
        try await self.step("connecting") { try await generator.arrive(self.layout.online) }
        var phases = [try await self.store(for: first).result]

        let times = Durations()
        var both = try await self.measure("both at once", "frames drained", work: \.drained) {
            async let filling: Void = times.measure("stored") { try await self.fill(second) }
            async let draining: Void = times.measure("drained") { try await generator.arrive(first, frames: frames) }
            _ = try await (filling, draining)
        }
        for (name, seconds) in await times.seconds {
            both.result.figures["\(name)/s"] = Double(first.count * frames) / max(seconds, 0.001)
        }
        phases.append(both.result)
        try await generator.close(first)

        var drain = try await self.measure("drain", "frames", work: \.drained) {
            try await generator.arrive(second, frames: frames)
        }
        drain.result.figures["seconds until also removed from disk"] = try await self.secondsUntilRemoved()
        phases.append(drain.result)
        return phases
    }

    /// Measures the time until no frame is queued or in flight.
    private func secondsUntilRemoved() async throws -> Double? {
        guard let endpoint = self.server.admin else { return nil }
        let admin = try await AdminClient.connect(endpoint, on: self.generator.eventLoop)
        let begin = LoadClock.now
        let seconds = try await self.step("removing") {
            while true {
                let answer = try await admin.eventLoop.flatSubmit { admin.get(RoutePath.status.rawValue) }.get()
                let ledger = try APIJSON.decode(StatusResource.self, from: Data(answer.body.readableBytesView)).ledger
                if ledger.queued == 0, ledger.inFlight == 0 { break }
                try await Self.pass(0.01)
            }
            return Double(LoadClock.now - begin) / 1e9
        }
        try? await admin.close().get()
        return seconds
    }
}

/// The durations of several concurrent tasks.
private actor Durations {
    private(set) var seconds: [String: Double] = [:]

    nonisolated func measure(_ name: String, _ body: @Sendable () async throws -> Void) async throws {
        let begin = LoadClock.now
        try await body()
        await self.record(name, Double(LoadClock.now - begin) / 1e9)
    }

    private func record(_ name: String, _ seconds: Double) {
        self.seconds[name] = seconds
    }
}
