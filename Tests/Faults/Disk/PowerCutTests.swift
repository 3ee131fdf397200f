import Foundation
import TTMSProtocol
import TestKit
import Testing

extension Faults {
    /// The power fails: what was not synced is gone (``PowerCutDisk``). What `kill -9` leaves behind proves nothing about that,
    /// because the kernel still writes what the relay forgot to sync.
    struct PowerCutTests {
        /// How much becomes durable before anybody asks for it, percent. With 0 all that was not synced is lost at once; with
        /// more, what is left is torn.
        static let writeBack = [0, 30]

        @Test("Answered means safe: what has a receipt survives a power cut, in order", arguments: Self.writeBack)
        func receipts(writeBack: Int) async throws {
            let receivers = (0x100..<0x105).map { CCID(rawValue: $0) }
            try await self.withRelay(writeBack: writeBack) { relay, disk in
                for round in 0..<2 {
                    let sender = try relay.terminal(.sender)
                    let base = round * 200
                    for first in stride(from: base, to: base + 100, by: 50) {
                        for receiver in receivers { try sender.send(NumberedFrames.to(receiver, first..<first + 50)) }
                    }
                    try sender.register(.sender)
                    // The admin API's answer is as good.
                    let posted = receivers.flatMap { NumberedFrames.to($0, base + 100..<base + 200) }
                    let answer = try await relay.admin.request(
                        "POST",
                        "/api/v1/frames?source=\(CCID.sender)",
                        body: Data(posted),
                        contentType: "application/octet-stream"
                    )
                    #expect(answer.status == 202, "\(answer.text)")
                    try await self.cutPower(of: relay, disk)
                    try await relay.start()
                }
                for receiver in receivers {
                    let terminal = try relay.terminal(receiver)
                    #expect(try terminal.receiveNumbers(400) == Array(0..<400))
                    try terminal.expectNothing(for: receiver)
                }
                try await relay.waitForStatus("store.frames", 0)
                try await relay.waitForStatus("ledger.imbalance", 0)
            }
        }

        @Test("A disk that lies about syncs loses what has a receipt: the other tests would see a relay that does not sync")
        func lyingDisk() async throws {
            let disk = try PowerCutDisk(lies: true)
            try await self.withRelay(on: disk) { relay in
                let sender = try relay.terminal(.sender)
                try sender.send(NumberedFrames.to(.receiver, 0..<10))
                try sender.register(.sender)
                #expect(try await relay.admin.backlog(of: .receiver) == 10)
                try await self.cutPower(of: relay, disk)
                try await relay.start()
                #expect(try await relay.admin.backlog(of: .receiver) == 0)
            }
        }

        @Test("Under load the power is cut again and again, and nothing is lost that has a receipt", arguments: Self.writeBack)
        func underLoad(writeBack: Int) async throws {
            let cuts = Soak.rounds(3)
            try await self.withRelay(writeBack: writeBack) { relay, disk in
                let address = try relay.terminals[0]
                let load = try Load(
                    address,
                    [
                        "--terminals", "50", "--frames", Load.endless, "--reconnect-every", "200",
                        "--tolerate-restarts",
                    ]
                )
                for _ in 0..<cuts {
                    let before = try await relay.admin.json("GET", "/api/v1/status").at("ledger.accepted_total")?.int ?? 0
                    try await load.waitForAccepted(before + .random(in: 2_000...15_000), at: relay)
                    try await self.cutPower(of: relay, disk)
                    try await relay.start(listeners: ["\(address.host):\(address.port)"])
                }
                try await load.waitForAccepted(2_000, at: relay)
                load.endSending()
                try await load.expectClean(at: relay)
                try await relay.waitForStatus("ledger.imbalance", 0)
            }
        }

        @Test("Cut in the middle of large commits, the relay keeps what has a receipt, and starts", arguments: [0, 30, 70])
        func largeCommits(writeBack: Int) async throws {
            try await self.withRelay(writeBack: writeBack) { relay, disk in
                try await relay.stop()
                var kept = 0
                for _ in 0..<Soak.rounds(4) {
                    try await relay.start(environment: PowerCutDisk.cut(atSync: .random(in: 20...40)))
                    var safe = kept
                    do {
                        let sender = try relay.terminal(.sender)
                        while true {
                            try sender.send(NumberedFrames.to(.receiver, safe..<safe + 200, size: 1_000))
                            try sender.register(.sender)
                            safe += 200
                        }
                    } catch is TerminalClient.Failure {
                        try await self.cutPower(of: relay, disk)
                    }
                    try await relay.start()
                    kept = try await relay.admin.backlog(of: .receiver)
                    #expect(kept >= safe, "frames with a receipt are lost")
                    try await relay.stop()
                }
                try await relay.start()
                let receiver = try relay.terminal(.receiver)
                #expect(try receiver.receiveNumbers(kept) == Array(0..<kept))
                try receiver.expectNothing(for: .receiver)
            }
        }

        @Test("Cut at any moment of its first start, the relay starts afterwards", arguments: Self.writeBack)
        func firstStart(writeBack: Int) async throws {
            var cuts = 0
            for sync in 1... {
                let seed = UInt32.random(in: 1 ... .max)
                let disk = try PowerCutDisk(writeBack: writeBack, seed: seed)
                let relay = try self.relay(on: disk)
                guard try await self.startIsCut(relay, atSync: sync) else { break }
                try disk.cutPower()
                do {
                    try await relay.start()
                    try await relay.stop()
                } catch {
                    Issue.record("after a cut at sync \(sync) (seed \(seed)): \(error)")
                }
                cuts += 1
            }
            #expect(cuts >= 10)
        }

        @Test("Cut at one moment of its start after the other, the relay loses nothing", arguments: Self.writeBack)
        func laterStart(writeBack: Int) async throws {
            try await self.withRelay(writeBack: writeBack) { relay, disk in
                let sender = try relay.terminal(.sender)
                try sender.send(NumberedFrames.to(.receiver, 0..<500))
                try sender.register(.sender)
                try await self.cutPower(of: relay, disk)
                var cuts = 0
                while try await self.startIsCut(relay, atSync: cuts + 1) {
                    try disk.cutPower()
                    cuts += 1
                }
                #expect(cuts >= 5)
                try await relay.start()
                let receiver = try relay.terminal(.receiver)
                #expect(try receiver.receiveNumbers(500) == Array(0..<500))
                try receiver.expectNothing(for: .receiver)
            }
        }

        @Test("Damage to the log is not taken for the torn end that a power cut leaves")
        func damage() async throws {
            let disk = try PowerCutDisk()
            let relay = try self.relay(on: disk)
            try await relay.start()
            let sender = try relay.terminal(.sender)
            for number in 0..<4 {
                try sender.send(NumberedFrames.to(.receiver, number..<number + 1, size: 1_000))
                try sender.register(.sender)
                // The test is about time that passes: how far the store has come is synced once a second.
                if number == 2 { try await Task.sleep(for: .milliseconds(1_100)) }
            }
            try await self.cutPower(of: relay, disk)
            let queue = relay.dataDirectory.appendingPathComponent("store/queue")
            let log = try #require(
                FileManager.default.contentsOfDirectory(at: queue, includingPropertiesForKeys: nil)
                    .first { $0.pathExtension == "log" }
            )
            var bytes = try Data(contentsOf: log)
            // In the midst of the last commit.
            bytes[bytes.count - 500] ^= 1
            try bytes.write(to: log)
            await #expect(throws: RelayProcess.Failure.self) { try await relay.start() }
            #expect(relay.output.contains("has been on disk"))
        }

        @Test("The admin token outlives a power cut")
        func token() async throws {
            try await self.withRelay(writeBack: 0) { relay, disk in
                let token = try relay.admin.token
                try await self.cutPower(of: relay, disk)
                try await relay.start()
                #expect(try relay.admin.token == token)
            }
        }

        // MARK: Relays on such disks

        private func relay(on disk: PowerCutDisk) throws -> RelayProcess {
            try RelayProcess(dataDirectory: disk.url.appendingPathComponent("data"), environment: disk.environment)
        }

        private func withRelay(on disk: PowerCutDisk, _ body: (RelayProcess) async throws -> Void) async throws {
            let relay = try self.relay(on: disk)
            try await relay.start()
            try await relay.whileRunning(body)
        }

        /// Runs a test against a relay on a disk; one that fails says which it was.
        private func withRelay(writeBack: Int, _ body: (RelayProcess, PowerCutDisk) async throws -> Void) async throws {
            let seed = UInt32.random(in: 1 ... .max)
            let disk = try PowerCutDisk(writeBack: writeBack, seed: seed)
            do {
                try await self.withRelay(on: disk) { try await body($0, disk) }
            } catch {
                Issue.record("with seed \(seed): \(error)")
            }
        }

        private func cutPower(of relay: RelayProcess, _ disk: PowerCutDisk) async throws {
            try await relay.kill()
            try disk.cutPower()
        }

        /// Starts a relay that is cut off at a sync.
        ///
        /// - Returns: whether it came to that before it was ready; otherwise it has been killed.
        private func startIsCut(_ relay: RelayProcess, atSync sync: Int) async throws -> Bool {
            do {
                try await relay.start(environment: PowerCutDisk.cut(atSync: sync))
            } catch let failure as RelayProcess.Failure {
                guard failure.description.hasPrefix("the relay ended with signal(\(SIGKILL))") else { throw failure }
                return true
            }
            try await relay.kill()
            return false
        }
    }
}
