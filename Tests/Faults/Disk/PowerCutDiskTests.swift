import Foundation
import TestKit
import Testing

extension Faults {
    /// The disk of ``PowerCutTests`` forgets what it has to, and nothing else: otherwise those would prove nothing.
    struct PowerCutDiskTests {
        /// What a program does, and what is left of it.
        struct Case: Sendable, CustomTestStringConvertible {
            let testDescription: String
            let steps: String
            let left: [String: String]

            init(_ description: String, _ steps: String, _ left: [String: String]) {
                self.testDescription = description
                self.steps = steps
                self.left = left
            }
        }

        /// The power is cut after each of the steps of a case together; `|` stands for one cut more.
        static let cases = [
            Case("nothing is synced", "make a append a 1", [:]),
            Case("only the file is synced", "make a append a 1 sync a", [:]),
            Case("only the name is synced", "make a append a 1 sync .", ["a": ""]),
            Case("name and file are synced", "make a append a 1 sync . sync a", ["a": "1"]),
            Case("the other order", "make a append a 1 sync a sync .", ["a": "1"]),
            Case("the end was written later", "make a append a 12 sync a sync . append a 34", ["a": "12"]),
            Case("the end is synced, too", "make a append a 12 sync a sync . append a 34 sync a", ["a": "1234"]),
            Case("written over", "make a append a 1234 sync a sync . put a 1 x", ["a": "1234"]),
            Case("written over and synced", "make a append a 1234 sync a sync . put a 1 x put a 3 y sync a", ["a": "1x3y"]),
            Case("cut short", "make a append a 1234 sync a sync . cut a 2", ["a": "1234"]),
            Case("cut short and synced", "make a append a 1234 sync a sync . cut a 2 sync a", ["a": "12"]),
            Case("cut short and grown", "make a append a 1234 sync a sync . cut a 1 cut a 3 sync a", ["a": "1\0\0"]),
            Case("renamed", "make a append a 1 sync a sync . rename a b", ["a": "1"]),
            Case("renamed and synced", "make a append a 1 sync a sync . rename a b sync .", ["b": "1"]),
            Case(
                "renamed over another",
                "make a append a 1 sync a make b append b 2 sync b sync . rename a b",
                ["a": "1", "b": "2"]
            ),
            Case(
                "renamed over another and synced",
                "make a append a 1 sync a make b append b 2 sync b sync . rename a b sync .",
                ["b": "1"]
            ),
            Case("removed", "make a append a 1 sync a sync . remove a", ["a": "1"]),
            Case("removed and synced", "make a append a 1 sync a sync . remove a sync .", [:]),
            // The file system gives the new file the old one's inode.
            Case("removed and made again", "make a append a 1 sync a sync . remove a make a append a 2", ["a": "1"]),
            Case(
                "removed and made again, the name synced",
                "make a append a 1 sync a sync . remove a make a sync .",
                ["a": ""]
            ),
            Case("a directory whose own name is not synced", "directory d make d/a append d/a 1 sync d/a sync d", [:]),
            Case("a directory", "directory d make d/a append d/a 1 sync d/a sync d sync .", ["d/a": "1"]),
            Case("a directory that was renamed", "directory d make d/a sync d sync . rename d e sync .", ["e/a": ""]),
            Case("a directory whose names are not synced", "directory d make d/a sync d/a sync .", [:]),
            Case(
                "what one cut has left, the next one leaves",
                "make a append a 1 sync a sync . | append a 2 make b",
                ["a": "1"]
            ),
        ]

        @Test("What was not synced is gone, and what was is there", arguments: Self.cases)
        func forgets(_ one: Case) async throws {
            let disk = try PowerCutDisk()
            for steps in one.steps.split(separator: "|") { try await self.run(String(steps), on: disk) }
            #expect(try disk.files == one.left)
        }

        @Test("A disk that writes back all it gets keeps all")
        func writesBack() async throws {
            let disk = try PowerCutDisk(writeBack: 100)
            try await self.run("make a append a 1 append a 2 make b rename b c make d remove d", on: disk)
            #expect(try disk.files == ["a": "12", "c": ""])
        }

        @Test("A disk that lies keeps nothing")
        func lies() async throws {
            let disk = try PowerCutDisk(lies: true)
            try await self.run("make a append a 1 sync a sync .", on: disk)
            #expect(try disk.files == [:])
        }

        /// Runs the probe on a disk, up to the power cut that follows.
        private func run(_ steps: String, on disk: PowerCutDisk) async throws {
            let directory = try TemporaryDirectory()
            let probe = try RunningProgram(
                BuiltProgram.url("power-cut-probe"),
                arguments: steps.split(separator: " ").map(String.init),
                environment: disk.environment,
                directory: disk.url,
                log: directory.url.appendingPathComponent("probe.log")
            )
            let exit = try await probe.waitForExit()
            try #require(exit == .signal(SIGKILL), "\(probe.output)")
            try disk.cutPower()
        }
    }
}
