/// A scenario that cannot be played.
struct ScenarioError: Error, CustomStringConvertible, Equatable {
    /// A text that names the flaw, and the allowed values.
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

extension Scenario {
    /// The allowed values, with which a load ends by itself and fits into a machine.
    private static let allowed = (
        count: 1...1_000_000, window: 1...65_536, rate: 1...10_000_000, payload: Stamp.size...65_522, seconds: 0.1...3_600,
        frames: 1...1_000_000, heartbeats: 0...1_000_000, senders: 1...10_000
    )

    /// Refuses a scenario that cannot be played.
    ///
    /// - Throws: ``ScenarioError``.
    func validate() throws(ScenarioError) {
        try self.check("count", self.count, Self.allowed.count)
        if let window { try self.check("window", window, Self.allowed.window) }
        if let rate { try self.check("rate", rate, Self.allowed.rate) }
        guard !self.payloads.isEmpty else { throw self.error("payloads has to name at least one size") }
        for payload in self.payloads { try self.check("payloads", payload, Self.allowed.payload) }
        try self.check("seconds", self.seconds, Self.allowed.seconds)
        try self.check("warmup", self.warmup, 0...Self.allowed.seconds.upperBound)
        try self.check("limit", self.limit, Self.allowed.seconds)
        try self.check("frames", self.frames, Self.allowed.frames)
        try self.check("heartbeats", self.heartbeats, Self.allowed.heartbeats)
        try self.check("senders", self.senders, Self.allowed.senders)
        try self.check("slow_pairs", self.slowPairs, 0...Self.allowed.senders.upperBound)
        try self.check("admin_rate", self.adminRate, 0...100_000)
        try self.check("bad_admin_clients", self.badAdminClients, 0...10_000)
        guard self.window == nil || self.rate == nil else {
            throw self.error("window is for a closed loop, rate for an open one: give one of them")
        }
        guard !self.isTraffic || self.window != nil || self.rate != nil else {
            throw self.error("it needs a window (closed loop) or a rate (open loop)")
        }
        guard self.kind != .storm || self.rate != nil else {
            throw self.error("a storm needs the rate of its pairs, which measure it")
        }
        guard self.slowPairs == 0 || self.isTraffic && self.rate != nil else {
            throw self.error("slow_pairs needs traffic with a rate: a closed loop sends nothing more to a slow terminal")
        }
        guard self.adminRate == 0 && self.badAdminClients == 0 || self.isTraffic else {
            throw self.error("admin_rate and bad_admin_clients need traffic")
        }
    }

    private func check<Value: Comparable>(_ key: String, _ value: Value, _ allowed: ClosedRange<Value>) throws(ScenarioError) {
        guard allowed.contains(value) else {
            throw self.error("\(key) is \(value), and has to be \(allowed.lowerBound) to \(allowed.upperBound)")
        }
    }

    private func error(_ flaw: String) -> ScenarioError {
        ScenarioError("scenario \"\(self.name)\": \(flaw).")
    }
}
