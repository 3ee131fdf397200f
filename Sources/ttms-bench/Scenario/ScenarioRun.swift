import TTMSProtocol

/// One scenario, played against one server. `ScenarioRun+…` hold the steps of each kind.
struct ScenarioRun: Sendable {
    let scenario: Scenario
    let server: Server
    let layout: Layout
    let generator: Generator
    let progress: Progress

    /// Plays a scenario.
    ///
    /// - Parameters:
    ///   - loops: threads of the generator.
    ///   - firstCCID: the CCID of the scenario's first terminal; the others follow.
    /// - Throws: ``LoadFailure``, ``ScenarioError``.
    static func play(
        _ scenario: Scenario,
        on server: Server,
        loops: Int,
        firstCCID: CCID,
        isQuiet: Bool
    ) async throws -> [PhaseResult] {
        try scenario.validate()
        let layout = Layout(scenario)
        guard UInt64(firstCCID.rawValue) + UInt64(layout.terminals) <= UInt64(UInt32.max) + 1 else {
            throw LoadFailure("From \(firstCCID) on there are no \(layout.terminals) CCIDs. Give a lower --first-ccid.")
        }
        guard !scenario.needsStore || server.storesMessages else {
            throw LoadFailure("not played: as used here, \(server.name) does not store messages for offline terminals")
        }
        let ownLimit = OpenFiles.raiseLimit()
        let connections = layout.connections + scenario.badAdminClients
        try OpenFiles.check(connections: connections, own: ownLimit, server: server.process?.openFileLimit)
        let crowd = scenario.kind == .storm ? layout.groups.first ?? 0..<0 : 0..<0
        let plan = LoadPlan(
            address: server.address,
            protocol: server.protocol,
            firstCCID: firstCCID,
            terminals: layout.terminals,
            payloads: scenario.payloads,
            slow: layout.slow,
            loops: crowd.isEmpty ? loops : max(loops, 2),
            crowd: crowd
        )
        let run = ScenarioRun(
            scenario: scenario,
            server: server,
            layout: layout,
            generator: try await Generator(plan),
            progress: Progress(title: "\(server.name), \(scenario.name)", isQuiet: isQuiet)
        )
        do {
            let phases = try await run.play()
            try await run.generator.shutDown()
            return phases
        } catch {
            try? await run.generator.shutDown()
            throw error
        }
    }

    private func play() async throws -> [PhaseResult] {
        switch self.scenario.kind {
        case .pairs, .manyToOne, .oneToMany, .random: try await self.traffic()
        case .idle: try await self.idle()
        case .storm: try await self.storm()
        case .backlog: try await self.backlog()
        }
    }

    // MARK: Measuring

    /// The measurements of a phase, and its result.
    struct Measured: Sendable {
        var measurements: Measurements
        /// The counts between the last phase and this one.
        var earlier: LoadCounts
        var result: PhaseResult
    }

    /// Runs `body`, and measures its work and its cost.
    func measure(
        _ name: String,
        _ unit: String,
        work: any KeyPath<LoadCounts, Int> & Sendable,
        _ body: @escaping @Sendable () async throws -> Void
    ) async throws -> Measured {
        let earlier = try await self.generator.take().counts
        let before = try self.server.process?.sample()
        let own = ServerProcess.ownCPUSeconds
        let begin = LoadClock.now
        try await self.step(name, body)
        let seconds = Double(LoadClock.now - begin) / 1e9
        let measurements = try await self.generator.take()
        let after = try self.server.process?.sample()
        var result = PhaseResult(
            name: name,
            unit: unit,
            work: measurements.counts[keyPath: work],
            seconds: seconds,
            serverCPUSeconds: before.flatMap { before in after.map { $0.cpuSeconds - before.cpuSeconds } },
            generatorCPUSeconds: ServerProcess.ownCPUSeconds - own
        )
        result.server = after.map(PhaseResult.ServerUse.init)
        result.latency = LatencySummary(measurements.latency)
        result.lateness = LatencySummary(measurements.lateness)
        if let before = before?.eventLoopSeconds, let after = after?.eventLoopSeconds, after - before >= 0.05 {
            result.figures["\(unit) per event-loop CPU-s"] = Double(result.work) / (after - before)
        }
        if let lateness = result.lateness { result.figures["generator late p99 µs"] = lateness.p99 }
        if measurements.counts.foreign > 0 { result.figures["frames of others"] = Double(measurements.counts.foreign) }
        if measurements.counts.outOfOrder > 0 { result.figures["OUT OF ORDER"] = Double(measurements.counts.outOfOrder) }
        return Measured(measurements: measurements, earlier: earlier, result: result)
    }

    /// Runs `body` with progress, within the scenario's limit.
    func step<Value: Sendable>(_ name: String, _ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
        let title = name.isEmpty ? "under load" : name
        return try await self.progress.during(title, of: self.generator, limit: self.scenario.limit, body)
    }

    /// Waits while senders send.
    static func pass(_ seconds: Double) async throws {
        try await Task.sleep(for: .seconds(seconds))
    }
}
