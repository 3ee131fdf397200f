import Foundation
import NIOCore
import NIOPosix
import TestKit
import Testing

@testable import ttms_bench

/// `ttms-bench compare`: what it starts, what it prints, what it writes.
@Suite(.serialized)
struct CompareTests {
    @Test("The relay is started, measured and ended, and the files hold what was measured")
    func relayAlone() async throws {
        let root = try TemporaryDirectory()
        let file = root.url.appendingPathComponent("scenarios.yaml")
        let page = root.url.appendingPathComponent("page.md")
        let text = """
            scenarios:
              - { name: brisk & small, kind: pairs, count: 3, rate: 300, seconds: 0.3, warmup: 0.1 }
              - { kind: random, count: 4, window: 2, seconds: 0.3, warmup: 0.1 }
            """
        try Data(text.utf8).write(to: file)
        try Data("before\n\(ResultPage.marks.begin)\nold\n\(ResultPage.marks.end)\nafter\n".utf8).write(to: page)
        let output = root.url.appendingPathComponent("out")
        let relayd = try BuiltProgram.url("ttms-relayd").path
        let arguments = [
            "compare", "--relayd", relayd, "--set", "event_loops=2", "--server",
            "twin=ttms:\(relayd) --listen 127.0.0.1:{port}"
                + " --admin 127.0.0.1:0 --data-dir {directory}/data", "--alone", "--quiet", "--times", "2",
            "--scenario", file.path, "--output", output.path, "--page", page.path,
        ]
        let program = try RunningProgram(
            try BuiltProgram.url("ttms-bench"),
            arguments: arguments,
            log: root.url.appendingPathComponent("log")
        )
        let exit = try await program.waitForExit(within: .seconds(60))
        #expect(exit == .code(0), "\(program.output)")
        #expect(program.output.contains("per server CPU-s") && program.output.contains("twin"))

        let json = try JSONDecoder().decode(
            JSONValue.self,
            from: try Data(contentsOf: output.appendingPathComponent("results.json"))
        )
        let results = try #require(json["results"]?.array)
        #expect(results.compactMap { $0["server"]?.string } == ["twin", "relay", "twin", "relay"])
        for result in results {
            #expect(result["failure"] == nil)
            let phase = try #require(result["phases"]?.array?.first, "\(program.output)")
            let work = phase["work"]?.int ?? 0
            #expect(work > 0)
            #expect(phase.at("latency.p99_9") != nil)
            #expect(phase.at("server.resident_bytes") != nil)
        }
        let machine = try #require(json["machine"]?.string)
        #expect(machine.contains("Linux"))
        let plots = try FileManager.default.contentsOfDirectory(atPath: output.path).filter { $0.hasSuffix(".svg") }
        #expect(plots == ["latency-brisk---small.svg"])
        let written = try String(contentsOf: page, encoding: .utf8)
        #expect(written.hasPrefix("before\n") && written.hasSuffix("\nafter\n") && !written.contains("old"))
        #expect(written.contains("### brisk & small") && written.contains("| relay |"))
    }

    @Test("Told to end, it ends the server that it has started", arguments: [SIGINT, SIGTERM])
    func interrupted(signal: Int32) async throws {
        let root = try TemporaryDirectory()
        let relayd = try BuiltProgram.url("ttms-relayd").path
        let file = root.url.appendingPathComponent("scenarios.yaml")
        // It lasts until it is told to end.
        try Data("scenarios: [{ name: long, kind: pairs, count: 3, rate: 300, seconds: 3600 }]".utf8).write(to: file)
        let program = try RunningProgram(
            try BuiltProgram.url("ttms-bench"),
            arguments: ["compare", "--relayd", relayd, "--alone", "--scenario", file.path],
            environment: ["TMPDIR": root.url.path],
            log: root.url.appendingPathComponent("log")
        )
        let child = try await eventually("the relay is measured", state: { program.output }) {
            program.output.contains("relay, long") ? Self.children(of: program.pid).first : nil
        }
        program.signal(signal)
        let exit = try await program.waitForExit()
        #expect(exit == .code(128 + signal))
        try await eventually("the relay has ended") {
            FileManager.default.fileExists(atPath: "/proc/\(child)/exe") ? nil : ()
        }
        let left = try FileManager.default.contentsOfDirectory(atPath: root.url.path).filter { $0.hasPrefix("ttms-bench-") }
        #expect(left == [])
    }

    /// The processes that a process has started, from any of its threads.
    private static func children(of pid: Int32) -> [String] {
        let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")) ?? []
        return tasks.flatMap { task in
            ((try? String(contentsOfFile: "/proc/\(pid)/task/\(task)/children", encoding: .utf8)) ?? "")
                .split(whereSeparator: \.isWhitespace).map(String.init)
        }
    }

    @Test("How another server is named on the command line")
    func launches() throws {
        let launch = try #require(ServerLaunch(argument: "ceiling=ttms:/opt/a b {port} -x"))
        #expect(launch == ServerLaunch(name: "ceiling", protocol: .ttms, program: "/opt/a", arguments: ["b", "{port}", "-x"]))
        for wrong in ["", "=ttms:/a {port}", "a=b:/a {port}", "a=ttms:/a", "a=ttms:", "ttms:/a {port}"] {
            #expect(ServerLaunch(argument: wrong) == nil, "\(wrong)")
        }
    }

    @Test("A program that does not start is a result, with what it has printed")
    func doesNotStart() async throws {
        let ending = ["-c", "echo because >&2; exit 3"]
        for (program, said) in [("/bin/sh", ["because", "code 3"]), ("/nowhere", ["/nowhere"])] {
            let launch = ServerLaunch(name: "x", protocol: .ttms, program: program, arguments: ending)
            let error = await #expect(throws: LoadFailure.self) {
                let launched = try await LaunchedServer(launch)
                await launched.stop()
            }
            let description = error?.description ?? ""
            for words in said { #expect(description.contains(words)) }
        }
    }

    @Test("A server that is started hears signals, whatever our threads do with them")
    func hearsSignals() async throws {
        Interruption.shared.watch(0, directory: "/nowhere")
        Interruption.shared.unwatch()
        let asking = ["-c", "grep -E 'SigBlk|SigIgn' /proc/self/status; exit 3"]
        let launch = ServerLaunch(name: "x", protocol: .ttms, program: "/bin/sh", arguments: asking)
        let error = await #expect(throws: LoadFailure.self) {
            let launched = try await LaunchedServer(launch)
            await launched.stop()
        }
        let lines = (error?.description ?? "").split(separator: "\n").filter { $0.hasPrefix("Sig") }
        let masks = lines.compactMap { UInt64($0.split(whereSeparator: \.isWhitespace)[1], radix: 16) }
        #expect(masks.count == 2)
        for mask in masks { #expect(mask & (1 << (SIGTERM - 1) | 1 << (SIGINT - 1)) == 0, "\(lines)") }
    }

    @Test("Of several runs the middle one counts, and failed ones only when all have failed")
    func median() {
        func result(_ work: Int, failure: String? = nil) -> ScenarioResult {
            let phase = PhaseResult(name: "", unit: "", work: work, seconds: 1, serverCPUSeconds: 1, generatorCPUSeconds: 0)
            let scenario = Scenario(name: "x", kind: .pairs, count: 1)
            return ScenarioResult(server: "relay", scenario: scenario, phases: [phase], failure: failure)
        }
        #expect(ScenarioResult.median(of: [result(9), result(1), result(5)])?.phases[0].work == 5)
        #expect(ScenarioResult.median(of: [result(9), result(1, failure: "no")])?.phases[0].work == 9)
        #expect(ScenarioResult.median(of: [result(1, failure: "no")])?.failure == "no")
        #expect(ScenarioResult.median(of: []) == nil)
    }

    // MARK: What is printed

    @Test(
        "Numbers for people",
        arguments: [
            (0.0, "0"), (0.123, "0.12"), (12.34, "12.3"), (999.6, "1,000"), (1_234_567, "1,234,567"), (.nan, "-"),
            (-1_234, "-1,234"),
        ]
    )
    func numbers(value: Double, text: String) {
        #expect(Quantity.short(value) == text)
    }

    @Test("Times for people", arguments: [(12.0, "12.0 µs"), (1_500, "1.50 ms"), (2_000_000, "2.00 s")])
    func times(microseconds: Double, text: String) {
        #expect(Quantity.time(microseconds) == text)
    }

    // MARK: What is measured of a process

    @Test("The processor time is read behind whatever the process is called")
    func stat() throws {
        let rest = " S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 7 0 99 1000 42 0 0"
        for name in ["ttms-relayd", "a b) c", ")", "(("] {
            let usage = try #require(ServerProcess.usage(stat: "12 (\(name))" + rest, tick: 100))
            #expect(usage == (3.0, 7, 42))
        }
        for wrong in ["", "12 (x", "12 (x) S 1", "12 (x)" + rest.replacingOccurrences(of: "250", with: "y")] {
            let usage = ServerProcess.usage(stat: wrong, tick: 100)
            #expect(usage == nil)
        }
    }

    @Test("The processor time of event loops is counted for themselves")
    func eventLoops() async throws {
        let server = ServerProcess(pid: ProcessInfo.processInfo.processIdentifier)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let used = try await group.next().submit {
            // What the thread itself says that it has used.
            let begin = Self.ownThreadSeconds
            var state = SplitMix64(seed: 1)
            while Self.ownThreadSeconds - begin < 0.1 { _ = state.next() }
            return Self.ownThreadSeconds - begin
        }.get()
        // Those of tests beside this one have worked, too.
        let counted = try #require(try server.sample().eventLoopSeconds)
        #expect(counted > used * 0.9 && counted < ServerProcess.ownCPUSeconds + 0.1)
        try await group.shutdownGracefully()
    }

    private static var ownThreadSeconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    @Test("A process that works is seen to work, and one that has ended is missed")
    func process() async throws {
        let own = try ServerProcess(pid: ProcessInfo.processInfo.processIdentifier).sample()
        #expect(own.cpuSeconds > 0 && own.threads > 0 && own.residentBytes > 1 << 20)
        #expect((own.proportionalBytes ?? 0) > 0 && (own.openFiles ?? 0) > 2)
        #expect(throws: LoadFailure.self) { try ServerProcess(pid: Int32.max).sample() }
        #expect((ServerProcess(pid: ProcessInfo.processInfo.processIdentifier).openFileLimit ?? 0) > 16)
    }
}
