extension ScenarioRun {
    /// Seconds without any frame, at the end, after which missing frames count as lost or dropped. This is longer than a busy
    /// machine stops a process.
    private static let standstill = 10.0
    /// Seconds for which the end is awaited at most.
    private static let settling = 60.0

    /// Measures terminals that send all the time: throughput, latency and cost.
    func traffic() async throws -> [PhaseResult] {
        let generator = self.generator
        try await self.step("connecting") { try await generator.arrive(self.layout.online) }
        let admin = try await self.adminLoad()
        let bad = try self.badAdminLoad()

        try await generator.start(self.layout.senders, pace: self.scenario.pace)
        if let admin { try await admin.start(rate: self.scenario.adminRate) }
        try await bad?.start(clients: self.scenario.badAdminClients)
        try await self.step("warming up") { try await Self.pass(self.scenario.warmup) }
        _ = try await admin?.take()
        _ = try await bad?.take()
        var measured = try await self.measure("", "frames", work: \.delivered) { try await Self.pass(self.scenario.seconds) }
        var total = measured.earlier
        total += measured.measurements.counts
        if let admin {
            let answers = try await admin.take()
            measured.result.figures["admin requests/s"] = Double(answers.answered) / measured.result.seconds
            if let times = LatencySummary(answers.latency) {
                measured.result.figures["admin p50 µs"] = times.p50
                measured.result.figures["admin p99 µs"] = times.p99
            }
            if answers.refused > 0 { measured.result.figures["admin requests REFUSED"] = Double(answers.refused) }
            try await admin.stop()
        }
        if let bad {
            let (ended, unconnected) = try await bad.take()
            measured.result.figures["bad admin connections/s"] = Double(ended) / measured.result.seconds
            if unconnected > 0 { measured.result.figures["bad admin clients NOT CONNECTED"] = Double(unconnected) }
            try await bad.stop()
        }
        try await generator.stop()
        total = try await self.settle(total)

        let missing = total.sent - total.delivered
        if missing != 0 { measured.result.figures["frames MISSING at the end"] = Double(missing) }
        if self.scenario.slowPairs > 0 {
            let counts = measured.measurements.counts
            measured.result.figures["slow: sent"] = Double(counts.sentToSlow)
            measured.result.figures["slow: delivered"] = Double(counts.deliveredToSlow)
            measured.result.figures["slow: missing at the end"] = Double(total.sentToSlow - total.deliveredToSlow)
        }
        return [measured.result]
    }

    /// Waits for frames on their way; slow readers now read as fast as they can.
    ///
    /// - Parameter counts: the frames sent and delivered until now.
    /// - Returns: the frames sent and delivered at the end.
    private func settle(_ counts: LoadCounts) async throws -> LoadCounts {
        let generator = self.generator
        try await generator.readFast()
        var counts = counts
        var last = LoadClock.now
        let end = last + UInt64(Self.settling * 1e9)
        repeat {
            try await Self.pass(0.05)
            let more = try await generator.take().counts
            if more.delivered > 0 || more.deliveredToSlow > 0 { last = LoadClock.now }
            counts += more
        } while !counts.isComplete && LoadClock.now < end && LoadClock.now - last < UInt64(Self.standstill * 1e9)
        return counts
    }

    private func adminLoad() async throws -> AdminLoad? {
        guard self.scenario.adminRate > 0 else { return nil }
        return try await AdminLoad.connect(
            try self.admin,
            terminal: self.generator.plan.ccid(of: 0),
            on: self.generator.eventLoop
        )
    }

    private func badAdminLoad() throws -> BadAdminLoad? {
        guard self.scenario.badAdminClients > 0 else { return nil }
        return BadAdminLoad(try self.admin)
    }

    private var admin: AdminEndpoint {
        get throws {
            if let admin = self.server.admin { return admin }
            throw LoadFailure(
                "not played: the admin API of \(self.server.name) is not known; that of a relay is found by --data-dir"
            )
        }
    }
}
