import TTMSProtocol
import Testing

@testable import ttms_bench

struct ScenarioTests {
    @Test("A file in YAML and one in JSON say the same")
    func forms() throws {
        let yaml = """
            scenarios:
              - kind: pairs
                count: 50
                window: 256
              - { name: steady, kind: many-to-one, count: 3, rate: 100, payloads: [20, 1000], slow_pairs: 2, admin_rate: 5,
                  bad_admin_clients: 7 }
            """
        let json = """
            {"scenarios": [
                {"kind": "pairs", "count": 50, "window": 256},
                {"name": "steady", "kind": "many-to-one", "count": 3, "rate": 100, "payloads": [20, 1000], "slow_pairs": 2,
                 "admin_rate": 5, "bad_admin_clients": 7}
            ]}
            """
        let scenarios = try ScenarioFile.scenarios(in: yaml)
        #expect(try ScenarioFile.scenarios(in: json) == scenarios)
        #expect(scenarios.map(\.name) == ["pairs", "steady"])
        #expect(scenarios.map(\.pace) == [.closed(window: 256), .open(rate: 100)])
        #expect(scenarios[1].payloads == [20, 1_000])
        #expect(scenarios[1].slowPairs == 2)
        #expect(scenarios[1].adminRate == 5)
        #expect(scenarios[1].badAdminClients == 7)
        #expect(scenarios[0].seconds == 3)
    }

    @Test(
        "What is wrong is named",
        arguments: [
            ("scenarios: []", "empty"),
            ("scenario: []", "\"scenario\""),
            ("scenarios: [{kind: pairs, window: 1}]", "\"count\""),
            ("scenarios: [{kind: heap, count: 1, window: 1}]", "kind"),
            ("scenarios: [{kind: pairs, count: 1, widow: 1}]", "\"widow\""),
            ("scenarios: [{kind: pairs, count: 1}]", "window"),
            ("scenarios: [{kind: pairs, count: 1, window: 1, rate: 1}]", "one of them"),
            ("scenarios: [{kind: pairs, count: 0, window: 1}]", "count is 0"),
            ("scenarios: [{kind: pairs, count: 1, window: 0}]", "window is 0"),
            ("scenarios: [{kind: pairs, count: 1, rate: 10000001}]", "rate is 10000001"),
            ("scenarios: [{kind: pairs, count: 1, window: 1, payloads: [64, 19]}]", "payloads is 19"),
            ("scenarios: [{kind: pairs, count: 1, window: 1, payloads: []}]", "at least one"),
            ("scenarios: [{kind: pairs, count: 1, window: 1, seconds: .nan}]", "seconds"),
            ("scenarios: [{kind: pairs, count: 1, window: 1, slow_pairs: 1}]", "rate"),
            ("scenarios: [{kind: storm, count: 1}]", "rate"),
            ("scenarios: [{kind: idle, count: 1, admin_rate: 1}]", "traffic"),
            ("scenarios: [{kind: idle, count: 1, bad_admin_clients: 1}]", "traffic"),
            ("scenarios: [{kind: pairs, count: 1, window: 1, bad_admin_clients: -1}]", "bad_admin_clients is -1"),
            ("scenarios: [{kind: pairs, count: 99999999999999999999, window: 1}]", "count"),
            ("- nonsense: [", ""),
        ]
    )
    func wrong(text: String, named: String) throws {
        let error = try #require(throws: ScenarioError.self) { try ScenarioFile.scenarios(in: text) }
        #expect(error.description.contains(named) || named.isEmpty, "\(error)")
    }

    @Test("What `compare` plays by itself is valid, and has names of its own")
    func comparison() throws {
        for scenario in Scenario.comparison { try scenario.validate() }
        #expect(Set(Scenario.comparison.map(\.name)).count == Scenario.comparison.count)
        #expect(Scenario.comparison.allSatisfy { !$0.name.contains(",") }, "--only has commas between names")
        #expect(Set(Scenario.comparison.map(\.kind)) == Set(Scenario.Kind.allCases))
    }

    @Test("Every kind has its senders and receivers among its terminals", arguments: Scenario.Kind.allCases)
    func layout(kind: Scenario.Kind) {
        var scenario = Scenario(name: "x", kind: kind, count: 7)
        scenario.senders = 3
        let layout = Layout(scenario)
        #expect(layout.groups.allSatisfy { $0.count == 7 && $0.upperBound <= layout.terminals })
        #expect(layout.connections <= layout.terminals)
        for sender in layout.senders {
            #expect(layout.online.contains(sender.index))
            switch sender.target {
            case .one(let index): #expect(layout.online.contains(index))
            case .each(let first, let count, let step): #expect(layout.online.contains(first + (count - 1) * step))
            case .any(let first, let count): #expect(layout.online.contains(first + count - 1))
            }
        }
    }

    @Test("A crowd has an event loop for itself, and pairs stay together", arguments: [2, 3, 5])
    func placement(loops: Int) {
        var plan = LoadPlan(
            address: SocketAddress(host: "127.0.0.1", port: 1),
            protocol: .ttms,
            firstCCID: CCID(rawValue: 0),
            terminals: 100,
            payloads: [64]
        )
        plan.loops = loops
        for index in stride(from: 0, to: 100, by: 2) { #expect(plan.loop(of: index) == plan.loop(of: index + 1)) }
        #expect(Set((0..<100).map(plan.loop(of:))) == Set(0..<loops))
        plan.crowd = 40..<100
        #expect(Set((0..<40).map(plan.loop(of:))) == Set(0..<loops - 1))
        #expect(Set((40..<100).map(plan.loop(of:))) == [loops - 1])
    }

    @Test("Slow pairs begin at an even index, and are both online", arguments: [Scenario.Kind.pairs, .manyToOne, .random])
    func slow(kind: Scenario.Kind) {
        var scenario = Scenario(name: "x", kind: kind, count: 7)
        scenario.slowPairs = 2
        let layout = Layout(scenario)
        #expect(layout.slow.count == 4)
        #expect(layout.slow.lowerBound % 2 == 0)
        #expect(layout.online.contains(layout.slow.upperBound - 1))
        #expect(layout.senders.suffix(2).allSatisfy { layout.slow.contains($0.index) && $0.index % 2 == 0 })
    }

    @Test("Senders share all terminals that are away, each exactly once", arguments: [(1, 5), (3, 7), (7, 3), (5, 5)])
    func storing(senders: Int, terminals: Int) {
        var scenario = Scenario(name: "x", kind: .backlog, count: terminals)
        scenario.senders = senders
        let layout = Layout(scenario)
        for group in layout.groups {
            let shares = layout.storing(for: group)
            let served = shares.flatMap { share -> [Int] in
                guard case .each(let first, let count, let step) = share.sender.target else { return [] }
                #expect(count == share.terminals)
                return (0..<count).map { first + $0 * step }
            }
            #expect(served.sorted() == Array(group))
        }
    }

    @Test("Sizes are written with commas", arguments: [("64", [64]), ("20,64,1000", [20, 64, 1_000])])
    func sizes(text: String, values: [Int]) {
        #expect(Sizes(argument: text)?.values == values)
        #expect(Sizes(values).description == text)
    }

    @Test("What is no list of sizes", arguments: ["", "a", "1,,2", "1, 2"])
    func noSizes(text: String) {
        #expect(Sizes(argument: text) == nil)
    }
}
