extension Scenario {
    private init(_ name: String, _ kind: Kind, _ count: Int, _ change: (inout Scenario) -> Void) {
        self.init(name: name, kind: kind, count: count)
        change(&self)
    }

    /// The default scenarios of `compare`: about five minutes for three servers.
    static let comparison: [Scenario] = [
        Scenario("pipelined", .pairs, 50) { $0.window = 256 },
        Scenario("one at a time", .pairs, 1_000) { $0.window = 1 },
        Scenario("kilobytes", .pairs, 50) {
            $0.window = 64
            $0.payloads = [1_000]
        },
        Scenario("mixed sizes", .pairs, 50) {
            $0.window = 64
            $0.payloads = [20, 64, 64, 200, 1_000, 4_000]
        },
        Scenario("steady", .pairs, 200) { $0.rate = 20_000 },
        Scenario("many to one", .manyToOne, 100) { $0.window = 16 },
        Scenario("one to many", .oneToMany, 100) { $0.window = 256 },
        Scenario("random", .random, 200) { $0.window = 8 },
        Scenario("slow readers", .pairs, 200) {
            $0.rate = 20_000
            $0.payloads = [1_000]
            $0.slowPairs = 20
        },
        Scenario("admin beside", .pairs, 200) {
            $0.rate = 20_000
            $0.adminRate = 200
        },
        Scenario("idle", .idle, 15_000) {
            $0.heartbeats = 200
            $0.limit = 300
        },
        Scenario("storm", .storm, 15_000) {
            $0.rate = 5_000
            $0.frames = 10
        },
        Scenario("backlog", .backlog, 10_000) { $0.frames = 100 },
    ]
}
