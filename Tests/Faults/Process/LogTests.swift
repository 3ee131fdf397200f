import Foundation
import TTMSProtocol
import TestKit
import Testing

#if canImport(Glibc)
import Glibc
#endif

extension Faults {
    /// Whoever should read the log does not, or has gone.
    struct LogTests {
        @Test("A log that nobody reads holds up neither frames nor the stop", arguments: [false, true])
        func unread(hasReader: Bool) async throws {
            try await Self.withPipe { pipe, reader in
                let relay = try RelayProcess(["log_level": "trace"])
                try await relay.start(log: pipe)
                try await relay.whileRunning { relay in
                    let sender = try relay.terminal(.sender)
                    let other = try relay.terminal(.other)
                    // A message each, without a limit at this level, and more than the pipe has room for.
                    while Self.unread(reader) < Self.nearlyFull { try relay.connect().close() }
                    for _ in 0..<100 { try relay.connect().close() }
                    if !hasReader { close(reader) }
                    for number in 0..<100 {
                        try sender.send(NumberedFrames.to(.other, number..<number + 1))
                        #expect(try other.receiveNumbers(1) == [number])
                    }
                    try await relay.stop()
                }
            }
        }

        @Test("Who reads the log again learns that messages are missing, and reads on")
        func readAgain() async throws {
            try await Self.withPipe { pipe, reader in
                let relay = try RelayProcess(["log_level": "trace"])
                try await relay.start(log: pipe)
                try await relay.whileRunning { relay in
                    // A message each, and more than may wait (LogQueue.limit). A busy kernel takes connections and forgets them.
                    while try await relay.admin.metrics()["ttms_connections_accepted_total"] ?? 0 < 10_000 {
                        for _ in 0..<1_000 { try relay.connect().close() }
                    }
                    try await eventually("all connections are gone") {
                        try await relay.admin.metrics()["ttms_connections"] == 0 ? () : nil
                    }
                    var log = Data()
                    func read(until text: String) async throws {
                        try await eventually("the log says \(text)") {
                            log += Self.read(reader)
                            return log.range(of: Data(text.utf8)) == nil ? nil : ()
                        }
                    }
                    try await read(until: "Log messages were dropped")
                    try relay.terminal(.other).close()
                    try await read(until: "\(CCID.other)")
                }
            }
        }

        // MARK: The pipe

        /// Bytes below which the relay's writer cannot be held up: a pipe has 64 KiB.
        private static let nearlyFull = 60_000

        private static func withPipe(_ body: (URL, Int32) async throws -> Void) async throws {
            let directory = try TemporaryDirectory()
            let pipe = directory.url.appendingPathComponent("log")
            try #require(mkfifo(pipe.path, 0o600) == 0)
            let reader = open(pipe.path, O_RDONLY | O_NONBLOCK)
            try #require(reader >= 0)
            defer { close(reader) }
            try await body(pipe, reader)
        }

        private static func unread(_ reader: Int32) -> Int {
            var count: Int32 = 0
            _ = ioctl(reader, UInt(FIONREAD), &count)
            return Int(count)
        }

        /// What is there.
        private static func read(_ reader: Int32) -> Data {
            var buffer = [UInt8](repeating: 0, count: 65_536)
            let count = Glibc.read(reader, &buffer, buffer.count)
            return Data(buffer.prefix(max(count, 0)))
        }
    }
}
