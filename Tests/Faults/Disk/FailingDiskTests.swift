import Foundation
import TTMSProtocol
import TestKit
import Testing

extension Faults {
    /// A disk that is full or broken (G10): the relay says so, tells nobody that a frame is kept that is not, and goes on when the
    /// disk does.
    struct FailingDiskTests {
        private static let size = 8_192
        private static let count = 300

        static let faults = [
            FailingCalls.Fault(calls: "fdatasync", error: "EIO"),
            FailingCalls.Fault(calls: "fdatasync", error: "ENOSPC"),
            FailingCalls.Fault(calls: "write", error: "EIO", reach: .log),
            FailingCalls.Fault(calls: "write", error: "ENOSPC", reach: .log),
            FailingCalls.Fault(calls: "fdatasync,fsync,openat", error: "EIO"),
            FailingCalls.Fault(calls: "fdatasync,fsync,openat", error: "EROFS"),
            FailingCalls.Fault(calls: "write,pwrite64", error: "EIO", reach: .store),
            FailingCalls.Fault(calls: "write,pwrite64", error: "ENOSPC", reach: .store),
            FailingCalls.Fault(calls: "fdatasync,fsync,sync_file_range", error: "EIO", reach: .store),
            FailingCalls.Fault(calls: writes, error: "EIO", reach: .store),
            FailingCalls.Fault(calls: writes, error: "EROFS", reach: .store),
            FailingCalls.Fault(calls: writes, error: "EIO", reach: .queue),
        ]

        /// Everything that changes a file or a directory.
        private static let writes =
            "write,pwrite64,fdatasync,fsync,sync_file_range,fallocate,ftruncate,truncate,rename,unlink"

        @Test("A full disk", .enabled(if: SmallDisk.isPossible, SmallDisk.reason), arguments: [1, 2], SmallDisk.kinds)
        func full(eventLoops: Int, kind: SmallDisk.Kind) async throws {
            let disk = try SmallDisk(kind)
            let data = disk.url.appendingPathComponent("data")
            try await RelayProcess.with(["event_loops": "\(eventLoops)"], dataDirectory: data) { relay in
                try await Self.outage(of: relay, reason: "No space left") {
                    disk.fill()
                } heal: {
                    disk.free()
                }
            }
        }

        @Test(
            "Writes and syncs that fail",
            .enabled(if: FailingCalls.isPossible, FailingCalls.reason),
            arguments: Self.faults
        )
        func broken(fault: FailingCalls.Fault) async throws {
            let reason = fault.error == "ENOSPC" ? "No space left" : "failed"
            try await RelayProcess.with { relay in
                var calls: FailingCalls?
                try await Self.outage(of: relay, reason: reason, isReadable: fault.reach != .queue) {
                    calls = try await FailingCalls(fault, of: relay)
                } heal: {
                    try await calls?.stop()
                }
            }
        }

        /// Breaks the disk, sends, shows what must hold meanwhile, and heals it.
        ///
        /// - Parameter isReadable: whether stored frames can be read meanwhile: not when the database cannot be opened anew.
        private static func outage(
            of relay: RelayProcess,
            reason: String,
            isReadable: Bool = true,
            break: () async throws -> Void,
            heal: () async throws -> Void
        ) async throws {
            let sender = try relay.terminal(.sender)
            try sender.send(NumberedFrames.to(.receiver, 0..<Self.count, size: Self.size))
            try sender.register(.sender)
            let other = try relay.terminal(.other)
            let bystander = try relay.terminal(CCID(rawValue: 0x10))
            let (absent, stranger) = (CCID(rawValue: 0x11), CCID(rawValue: 0x12))
            try bystander.send(NumberedFrames.to(absent, 0..<10))
            try bystander.register(CCID(rawValue: 0x10))

            try await `break`()
            try sender.send(NumberedFrames.to(.receiver, Self.count..<2 * Self.count, size: Self.size))
            try sender.send(WireFrame.heartbeat(of: .sender))
            try await Self.waitUntilReady(relay, false, reason: reason)
            try await relay.waitForFailures(2)
            #expect(!sender.hasInput, "a receipt was given for what is not on disk")
            // Whose frames need no disk do not feel it.
            for number in 0..<5 {
                try bystander.send(NumberedFrames.to(.other, number..<number + 1))
                #expect(try other.receiveNumbers(1, from: CCID(rawValue: 0x10)) == [number])
            }
            // Nor do those who come only now, as far as what they get is on disk or needs none.
            for (ccid, kept) in isReadable ? [(absent, 10), (stranger, 0)] : [] {
                let late = try relay.terminal(ccid)
                try bystander.send(NumberedFrames.to(ccid, kept..<kept + 5))
                #expect(try late.receiveNumbers(kept + 5, from: CCID(rawValue: 0x10)) == Array(0..<kept + 5))
            }
            try await relay.waitForStatus("ledger.imbalance", 0)

            try await heal()
            try await Self.waitUntilReady(relay, true, reason: "")
            #expect(try sender.receiveFrame().count == Frame.heartbeatSize)
            try await relay.waitForBacklog(of: .receiver, 2 * Self.count)
            let receiver = try relay.terminal(.receiver)
            #expect(try receiver.receiveNumbers(2 * Self.count) == Array(0..<2 * Self.count))
            try receiver.expectNothing(for: .receiver)
            try await relay.waitForStatus("ledger.imbalance", 0)
            try await relay.waitForStatus("store.frames", isReadable ? 0 : 10)
            try await relay.stop()
            try await relay.expectSoundStore()
        }

        @Test(
            "With heartbeat_receipt off a listener answers while the disk fails; another one of the same relay does not",
            .enabled(if: FailingCalls.isPossible, FailingCalls.reason),
            arguments: [1, 2]
        )
        func withoutReceipt(eventLoops: Int) async throws {
            let listeners = ["127.0.0.1:0", "127.0.0.1:0?heartbeat_receipt=off"]
            try await RelayProcess.with(["event_loops": "\(eventLoops)"], listeners: listeners) { relay in
                let waiting = try relay.terminal(.sender)
                let quick = try relay.connect(listener: 1)
                try quick.register(.other)
                let calls = try await FailingCalls(Self.faults[0], of: relay)
                try waiting.send(NumberedFrames.to(.receiver, 0..<10) + WireFrame.heartbeat(of: .sender))
                try await Self.waitUntilReady(relay, false, reason: "failed")
                let absent = CCID(rawValue: 0x11)
                try quick.send(NumberedFrames.to(absent, 0..<10))
                try quick.register(.other)
                try await Self.waitUntilReady(relay, false, reason: "failed")
                #expect(!waiting.hasInput, "a receipt was given for what is not on disk")

                try await calls.stop()
                #expect(try waiting.receiveFrame().count == Frame.heartbeatSize)
                for (ccid, source) in [(CCID.receiver, CCID.sender), (absent, .other)] {
                    let terminal = try relay.terminal(ccid)
                    #expect(try terminal.receiveNumbers(10, from: source) == Array(0..<10))
                }
                try await relay.waitForStatus("ledger.imbalance", 0)
            }
        }

        @Test(
            "What the API shows as kept survives kill -9, however slow the disk",
            .enabled(if: FailingCalls.isPossible, FailingCalls.reason)
        )
        func slow() async throws {
            try await RelayProcess.with { relay in
                let sender = try relay.terminal(.sender)
                let calls = try await FailingCalls(delayingLogWrites: 300, of: relay)
                // The second frame comes while the first is written, and who looks comes with the second.
                for number in 0..<2 {
                    try sender.send(NumberedFrames.to(.receiver, number..<number + 1))
                    _ = try await relay.admin.request("GET", "/livez")
                }
                try await relay.waitForBacklog(of: .receiver, 2)
                try await relay.kill()
                try await calls.stop()
                try await relay.start()
                #expect(try await relay.admin.backlog(of: .receiver) == 2)
            }
        }

        @Test(
            "kill -9 on a full disk loses nothing for which there is a receipt",
            .enabled(if: SmallDisk.isPossible, SmallDisk.reason),
            arguments: SmallDisk.kinds
        )
        func killed(kind: SmallDisk.Kind) async throws {
            let disk = try SmallDisk(kind)
            try await RelayProcess.with(dataDirectory: disk.url.appendingPathComponent("data")) { relay in
                try await Self.fillUnder(relay, disk)
                try await relay.kill()
                try await Self.expectReceipted(relay, disk)
            }
        }

        @Test(
            "Stopped on a disk that stays full, the relay ends with an error, and says how many frames it could not keep",
            .enabled(if: SmallDisk.isPossible, SmallDisk.reason),
            arguments: SmallDisk.kinds
        )
        func stopped(kind: SmallDisk.Kind) async throws {
            let disk = try SmallDisk(kind)
            let data = disk.url.appendingPathComponent("data")
            try await RelayProcess.with(["stop_timeout": "1s"], dataDirectory: data) { relay in
                try await Self.fillUnder(relay, disk)
                try await relay.waitForStatus("ledger.accepted_total", 2 * Self.count)
                try await relay.stop(exit: 1)
                let lost = try #require(relay.output.firstMatch(of: /: ([0-9]+) frames that were only in memory are lost/))
                try await Self.expectReceipted(relay, disk)
                try await relay.waitForStatus("ledger.delivered_total", 2 * Self.count - (Int(lost.1) ?? 0))
            }
        }

        @Test(
            "A stop goes on trying while the disk is full, and loses nothing when there is room in time",
            .enabled(if: SmallDisk.isPossible, SmallDisk.reason),
            arguments: SmallDisk.kinds
        )
        func stoppedInTime(kind: SmallDisk.Kind) async throws {
            let disk = try SmallDisk(kind)
            let data = disk.url.appendingPathComponent("data")
            try await RelayProcess.with(["stop_timeout": "60s"], dataDirectory: data) { relay in
                try await Self.fillUnder(relay, disk)
                try await relay.waitForStatus("ledger.accepted_total", 2 * Self.count)
                async let stopped: Void = relay.stop()
                try await eventually("the relay stops", state: { relay.output }) {
                    relay.output.contains("it goes on trying until the stop has taken too long") ? () : nil
                }
                try await Self.waitUntilReady(relay, false, reason: "No space left")
                disk.free()
                try await stopped
                try await relay.start()
                let receiver = try relay.terminal(.receiver)
                #expect(try receiver.receiveNumbers(2 * Self.count) == Array(0..<2 * Self.count))
                try receiver.expectNothing(for: .receiver)
            }
        }

        @Test(
            "On a file system that turns read-only nothing more gets a receipt, and what had one is there when it is repaired",
            .enabled(if: ReadOnlyDisk.isPossible, ReadOnlyDisk.reason),
            arguments: [1_024, 4_096]
        )
        func readOnly(block: Int) async throws {
            let disk = try ReadOnlyDisk(block: block)
            let data = disk.url.appendingPathComponent("data")
            try await RelayProcess.with(["stop_timeout": "1s"], dataDirectory: data) { relay in
                let sender = try relay.terminal(.sender)
                try sender.send(NumberedFrames.to(.receiver, 0..<Self.count, size: Self.size))
                try sender.register(.sender)
                try disk.turnReadOnly()
                try sender.send(NumberedFrames.to(.receiver, Self.count..<2 * Self.count, size: Self.size))
                try sender.send(WireFrame.heartbeat(of: .sender))
                try await Self.waitUntilReady(relay, false, reason: "Read-only file system")
                try await relay.waitForFailures(2)
                #expect(!sender.hasInput, "a receipt was given for what is not on disk")
                let other = try relay.terminal(.other)
                try other.send(NumberedFrames.to(.other, 0..<5))
                #expect(try other.receiveNumbers(5, from: .other) == Array(0..<5))
                try await relay.stop(exit: 1)
                try disk.repair()
                try await relay.expectSoundStore()
                try await relay.start()
                let kept = try await relay.admin.backlog(of: .receiver)
                #expect(kept >= Self.count)
                let back = try relay.terminal(.receiver)
                #expect(try back.receiveNumbers(kept) == Array(0..<kept))
                try back.expectNothing(for: .receiver)
                try await relay.stop()
            }
        }

        /// What can happen to a store under a process that cannot write to it.
        enum Damage: CaseIterable, Sendable {
            case garbledName, emptiedFile

            func happen(to store: URL) throws {
                let current = store.appendingPathComponent("queue/CURRENT")
                switch self {
                case .garbledName: try Data("garbled".utf8).write(to: current)
                case .emptiedFile:
                    let name = try String(contentsOf: current, encoding: .utf8).trimmingCharacters(in: .newlines)
                    try Data().write(to: store.appendingPathComponent("queue/\(name)"))
                }
            }
        }

        @Test(
            "Where the store is damaged when the disk takes writes again, the relay ends with an error, and says what is lost",
            .enabled(if: FailingCalls.isPossible, FailingCalls.reason),
            arguments: Damage.allCases
        )
        func damaged(damage: Damage) async throws {
            // It does not wait so long for a disk that cannot get better.
            try await RelayProcess.with(["stop_timeout": "1h"]) { relay in
                let sender = try relay.terminal(.sender)
                try sender.send(NumberedFrames.to(.receiver, 0..<Self.count, size: Self.size))
                try sender.register(.sender)
                let calls = try await FailingCalls(Self.faults[0], of: relay)
                try sender.send(NumberedFrames.to(.receiver, Self.count..<2 * Self.count, size: Self.size))
                try await Self.waitUntilReady(relay, false, reason: "failed")
                try await relay.waitForStatus("ledger.accepted_total", 2 * Self.count)
                try damage.happen(to: relay.dataDirectory.appendingPathComponent("store"))
                try await calls.stop()
                let failure = await #expect(throws: RelayProcess.Failure.self) { try await relay.waitForEnd() }
                #expect(failure?.description.contains("code(1)") == true)
                #expect(relay.output.contains("so the relay stops"))
                #expect(relay.output.contains("ttmsctl store check"))
                let lost = try #require(relay.output.firstMatch(of: /: ([0-9]+) frames that were only in memory are lost/))
                #expect((1...Self.count).contains(Int(lost.1) ?? 0))
                // The next one says at once what it is.
                await #expect(throws: RelayProcess.Failure.self) { try await relay.start() }
                #expect(relay.output.contains("cannot start: damaged"))
            }
        }

        private static func fillUnder(_ relay: RelayProcess, _ disk: SmallDisk) async throws {
            let sender = try relay.terminal(.sender)
            try sender.send(NumberedFrames.to(.receiver, 0..<Self.count, size: Self.size))
            try sender.register(.sender)
            disk.fill()
            try sender.send(NumberedFrames.to(.receiver, Self.count..<2 * Self.count, size: Self.size))
            try await Self.waitUntilReady(relay, false, reason: "No space left")
        }

        private static func expectReceipted(_ relay: RelayProcess, _ disk: SmallDisk) async throws {
            disk.free()
            try await relay.expectSoundStore()
            try await relay.start()
            let kept = try await relay.admin.backlog(of: .receiver)
            #expect((Self.count...2 * Self.count).contains(kept))
            let receiver = try relay.terminal(.receiver)
            #expect(try receiver.receiveNumbers(kept) == Array(0..<kept))
            try receiver.expectNothing(for: .receiver)
        }

        @Test(
            "While the disk is full, senders to absent terminals are not read from, and then lose nothing",
            .enabled(if: SmallDisk.isPossible, SmallDisk.reason)
        )
        func pushedBack() async throws {
            let disk = try SmallDisk()
            try await RelayProcess.with(dataDirectory: disk.url.appendingPathComponent("data")) { relay in
                let sender = try relay.terminal(.sender)
                disk.fill()
                // More than the relay keeps in memory for a store that is behind, and the kernels' buffers.
                let count = 12_000
                let bytes = NumberedFrames.to(.receiver, 0..<count, size: 2_048)
                var rest = bytes[...]
                try await Self.waitUntilFull(relay, sender, &rest)
                #expect(!rest.isEmpty)
                disk.free()
                try sender.send(Array(rest), within: .seconds(60))
                try sender.register(.sender)
                let receiver = try relay.terminal(.receiver)
                #expect(try receiver.receiveNumbers(count) == Array(0..<count))
                try await relay.waitForStatus("ledger.imbalance", 0)
                try await relay.waitForStatus("ledger.evicted_total", 0)
            }
        }

        /// Sends until the relay has failed to commit and takes nothing more.
        private static func waitUntilFull(
            _ relay: RelayProcess,
            _ sender: TerminalClient,
            _ rest: inout ArraySlice<UInt8>
        ) async throws {
            let end = ContinuousClock.now + patience
            var refusals = 0
            while refusals < 20, !rest.isEmpty, ContinuousClock.now < end {
                let sent = sender.sendNow(rest)
                rest = rest.dropFirst(sent)
                refusals = sent > 0 ? 0 : refusals + 1
                if sent == 0 { _ = try await relay.admin.metrics() }
            }
            try await Self.waitUntilReady(relay, false, reason: "No space left")
        }

        static func waitUntilReady(_ relay: RelayProcess, _ isReady: Bool, reason: String) async throws {
            let admin = try relay.admin
            try await eventually("the relay is \(isReady ? "" : "not ")ready") {
                let answer = try await admin.request("GET", "/readyz")
                guard answer.status == (isReady ? 200 : 503), isReady || answer.text.contains(reason) else {
                    return nil as Void?
                }
                return ()
            }
        }
    }
}

extension RelayProcess {
    /// Waits until so many commits have failed.
    func waitForFailures(_ count: Double) async throws {
        let admin = try self.admin
        try await eventually("\(count) commits have failed") {
            try await admin.metrics()["ttms_store_commit_failures_total"] ?? 0 >= count ? () : nil
        }
    }

    /// `ttmsctl store check` finds nothing wrong with what the relay has left.
    func expectSoundStore() async throws {
        let directory = try TemporaryDirectory()
        let check = try RunningProgram(
            BuiltProgram.url("ttmsctl"),
            arguments: ["store", "check", "--data-dir", self.dataDirectory.path],
            log: directory.url.appendingPathComponent("check.log")
        )
        let exit = try await check.waitForExit()
        #expect(exit == .code(0), "\(check.output)")
    }
}
