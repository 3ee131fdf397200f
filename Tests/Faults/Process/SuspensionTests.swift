import Foundation
import TTMSProtocol
import TestKit
import Testing

extension Faults {
    /// Processes that are stopped for a while (`SIGSTOP`), as by a debugger, a full machine, or a laptop that sleeps.
    struct SuspensionTests {
        @Test("A stopped relay goes on as if nothing had been, and closes nobody who spoke in the meantime", arguments: [1, 2])
        func relay(eventLoops: Int) async throws {
            let settings = ["event_loops": "\(eventLoops)", "registration_timeout": "2s", "idle_timeout": "2s"]
            try await RelayProcess.with(settings) { relay in
                defer { if let pid = try? relay.pid { kill(pid, SIGCONT) } }
                let (sender, receiver, unregistered) = try await Self.stop(relay, within: .seconds(1))
                let late = try relay.connect()
                try sender.send(NumberedFrames.to(.receiver, 0..<100) + WireFrame.heartbeat(of: .sender))
                try receiver.send(WireFrame.heartbeat(of: .receiver))
                for (terminal, ccid) in [(unregistered, UInt32(0x21)), (late, 0x22)] {
                    try terminal.send(WireFrame.heartbeat(of: CCID(rawValue: ccid)))
                }
                // The test is about time that passes: all timeouts are over.
                try await Task.sleep(for: .seconds(3))
                kill(try relay.pid, SIGCONT)

                var reply = try receiver.receiveFrame()
                var numbers: [Int] = []
                // The receiver's own reply may stand anywhere among the frames of the sender.
                while numbers.count < 100 {
                    if reply.count != Frame.heartbeatSize { numbers.append(try NumberedFrames.number(of: reply)) }
                    if numbers.count < 100 { reply = try receiver.receiveFrame() }
                }
                #expect(numbers == Array(0..<100))
                for terminal in [sender, unregistered, late] {
                    #expect(try terminal.receiveFrame().count == Frame.heartbeatSize)
                }
            }
        }

        /// Stops the relay while three terminals are connected, the last one unregistered.
        ///
        /// - Parameter limit: what this may take, so that none of them has been silent for too long by then; a machine that is busy
        ///   needs more than one attempt.
        private static func stop(
            _ relay: RelayProcess,
            within limit: Duration
        ) async throws -> (sender: TerminalClient, receiver: TerminalClient, unregistered: TerminalClient) {
            try await eventually("three terminals connect and the relay is stopped within \(limit)") {
                let start = ContinuousClock.now
                guard let sender = try? relay.terminal(.sender), let receiver = try? relay.terminal(.receiver) else {
                    return nil
                }
                let unregistered = try relay.connect()
                // Connections are accepted in their order: an answer on a later one says that this one was.
                guard (try? relay.terminal(.other)) != nil else { return nil }
                kill(try relay.pid, SIGSTOP)
                if start.duration(to: .now) < limit { return (sender, receiver, unregistered) }
                kill(try relay.pid, SIGCONT)
                return nil
            }
        }

        @Test("A stopped terminal loses nothing: neither if it goes on, nor if it is killed", arguments: [true, false])
        func terminal(goesOn: Bool) async throws {
            let (count, size) = (1_000, 8_192)
            try await RelayProcess.with { relay in
                let sender = try relay.terminal(.sender)
                let address = try relay.terminals[0]
                let directory = try TemporaryDirectory()
                let log = directory.url.appendingPathComponent("terminal.log")
                let receiver = try Self.receiver(log, count + 1, address)
                try await Self.waitForEvents("heartbeat_answered", 1, of: receiver)
                try sender.send(NumberedFrames.to(.receiver, 0..<1, size: size))
                try await Self.waitForEvents("received", 1, of: receiver)
                receiver.signal(SIGSTOP)
                try sender.send(NumberedFrames.to(.receiver, 1..<count + 1, size: size))
                try sender.register(.sender)
                if goesOn {
                    receiver.signal(SIGCONT)
                    #expect(try await receiver.waitForExit() == .code(0))
                    #expect(receiver.output.components(separatedBy: "\"event\":\"received\"").count == count + 2)
                } else {
                    let unread = try await Self.waitUntilFull(relay)
                    receiver.signal(SIGKILL)
                    _ = try await receiver.waitForExit()
                    let next = try relay.terminal(.receiver)
                    let first = try next.receiveNumbers(1)[0]
                    // What its kernel had taken is the terminal's, and that was little; the rest comes without a gap.
                    #expect((1...1 + (unread + KernelSocket.longestSegment) / size).contains(first))
                    #expect(try next.receiveNumbers(count - first) == Array(first + 1..<count + 1))
                    try next.expectNothing(for: .receiver)
                }
                try await relay.waitForStatus("ledger.imbalance", 0)
            }
        }

        /// Waits until the receiver's kernel takes nothing more.
        ///
        /// - Returns: the bytes that it has, and its terminal has not read.
        private static func waitUntilFull(_ relay: RelayProcess) async throws -> Int {
            let port = try relay.terminals[0].port
            let remote = try await relay.admin.terminal(.receiver)?.at("connection.remote_address")?.string
            let terminal = try #require(remote.flatMap(RelayProcess.Endpoint.init)).port
            try await eventually("the terminal's kernel takes nothing more") {
                KernelSocket(local: port, remote: terminal)?.isProbing == true ? () : nil
            }
            return try await eventually("the terminal's socket is seen") { KernelSocket(local: terminal, remote: port)?.unread }
        }

        private static func receiver(
            _ log: URL,
            _ count: Int,
            _ address: RelayProcess.Endpoint
        ) throws -> RunningProgram {
            let arguments = [
                "simulate", "\(CCID.receiver)", "--address", "\(address.host):\(address.port)", "--output", "json",
            ]
            return try RunningProgram(
                BuiltProgram.url("ttmsctl"),
                arguments: arguments + ["--receive", "\(count)"],
                log: log
            )
        }

        private static func waitForEvents(_ event: String, _ count: Int, of terminal: RunningProgram) async throws {
            try await eventually("the terminal tells of \(event)", state: { terminal.output }) {
                terminal.output.components(separatedBy: "\"event\":\"\(event)\"").count > count ? () : nil
            }
        }
    }
}
