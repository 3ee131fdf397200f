/// Whether the relay can serve now.
public struct ReadinessResource: Codable, Equatable, Sendable {
    /// Whether every check passes.
    public var ready: Bool
    /// All checks.
    public var checks: [Check]

    /// One condition of readiness.
    public struct Check: Codable, Equatable, Sendable {
        /// The name of the condition: `listeners`, `connections`, `store` or `stopping`.
        public var name: String
        /// Whether it passes.
        public var passing: Bool
        /// The problem and the remedy; empty when it passes.
        public var detail: String

        /// Makes a check.
        public init(name: String, passing: Bool, detail: String) {
            self.name = name
            self.passing = passing
            self.detail = detail
        }
    }

    /// Makes a readiness.
    public init(ready: Bool, checks: [Check]) {
        self.ready = ready
        self.checks = checks
    }
}

/// The answer that only a living process gives.
public struct LivenessResource: Codable, Equatable, Sendable {
    /// Always `true`.
    public var alive = true

    /// Makes the answer.
    public init() {}
}

extension ReadinessResource: JSONWritable {
    /// Writes all fields.
    public func write(to json: inout JSONWriter) {
        json.object { json in
            json.member(CodingKeys.checks, self.checks)
            json.member(CodingKeys.ready, self.ready)
        }
    }
}

extension ReadinessResource.Check: JSONWritable {
    /// Writes all fields.
    public func write(to json: inout JSONWriter) {
        json.object { json in
            json.member(CodingKeys.detail, self.detail)
            json.member(CodingKeys.name, self.name)
            json.member(CodingKeys.passing, self.passing)
        }
    }
}

extension LivenessResource: JSONWritable {
    /// Writes all fields.
    public func write(to json: inout JSONWriter) {
        json.object { json in
            json.member(CodingKeys.alive, self.alive)
        }
    }
}
