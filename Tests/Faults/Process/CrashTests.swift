import TTMSProtocol
import TestKit
import Testing

extension Faults {
    /// `kill -9`, as a power cut does it to the process.
    struct CrashTests {
        @Test("Thousands of cached frames for several terminals survive kill -9, in order")
        func cached() async throws {
            let receivers = (0x100..<0x105).map { CCID(rawValue: $0) }
            try await RelayProcess.with { relay in
                let sender = try relay.terminal(.sender)
                // In turns, so that the queues lie among each other on disk.
                for first in stride(from: 0, to: 1_000, by: 50) {
                    for receiver in receivers { try sender.send(NumberedFrames.to(receiver, first..<first + 50)) }
                }
                for receiver in receivers { try await relay.waitForBacklog(of: receiver, 1_000) }

                try await relay.kill()
                try await relay.start()

                for receiver in receivers {
                    #expect(try await relay.admin.backlog(of: receiver) == 1_000)
                    let terminal = try relay.terminal(receiver)
                    #expect(try terminal.receiveNumbers(1_000) == Array(0..<1_000))
                    try terminal.expectNothing(for: receiver)
                }
                try await relay.waitForStatus("store.frames", 0)
                try await relay.waitForStatus("ledger.imbalance", 0)
            }
        }

        @Test(
            "kill -9 while a backlog is drained loses nothing and keeps the order; what comes again was not known to be delivered"
        )
        func draining() async throws {
            let count = 5_000
            try await RelayProcess.with { relay in
                let sender = try relay.terminal(.sender)
                try sender.send(NumberedFrames.to(.receiver, 0..<count, size: 400))
                try await relay.waitForBacklog(of: .receiver, count)

                let first = try relay.terminal(.receiver)
                let before = try first.receiveNumbers(count / 2)
                try await relay.kill()
                // What had reached the terminal's kernel is the terminal's.
                let rest = try NumberedFrames.numbers(in: first.receiveUntilClosed())
                let arrived = before + rest
                #expect(arrived == Array(0..<arrived.count))

                try await relay.start()
                let second = try relay.terminal(.receiver)
                let again = try second.receiveNumbers(1)[0]
                #expect(again <= arrived.count)
                #expect(try second.receiveNumbers(count - again - 1) == Array(again + 1..<count))
                try second.expectNothing(for: .receiver)
            }
        }

        @Test(
            "Killed under load again and again, the relay loses nothing for which a terminal has a receipt",
            arguments: [1, 2]
        )
        func underLoad(eventLoops: Int) async throws {
            let kills = Soak.rounds(3)
            try await RelayProcess.with(["event_loops": "\(eventLoops)"]) { relay in
                let address = try relay.terminals[0]
                let load = try Load(
                    address,
                    [
                        "--terminals", "50", "--frames", Load.endless, "--reconnect-every", "200",
                        "--tolerate-restarts",
                    ]
                )
                for _ in 0..<kills {
                    let before = try await relay.admin.json("GET", "/api/v1/status").at("ledger.accepted_total")?.int ?? 0
                    try await load.waitForAccepted(before + .random(in: 2_000...15_000), at: relay)
                    try await relay.kill()
                    try await relay.start(listeners: ["\(address.host):\(address.port)"])
                }
                try await load.waitForAccepted(2_000, at: relay)
                load.endSending()
                try await load.expectClean(at: relay)
                try await relay.waitForStatus("ledger.imbalance", 0)
            }
        }

        @Test("Crash after crash, the queue goes on where it was")
        func again() async throws {
            try await RelayProcess.with { relay in
                for round in 0..<5 {
                    let sender = try relay.terminal(.sender)
                    try sender.send(NumberedFrames.to(.receiver, round * 100..<(round + 1) * 100))
                    try await relay.waitForBacklog(of: .receiver, (round + 1) * 100)
                    try await relay.kill()
                    try await relay.start()
                }
                let receiver = try relay.terminal(.receiver)
                #expect(try receiver.receiveNumbers(500) == Array(0..<500))
                try receiver.expectNothing(for: .receiver)
            }
        }
    }
}
