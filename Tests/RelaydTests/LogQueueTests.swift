import Dispatch
import Logging
import Synchronization
import TestKit
import Testing

@testable import ttms_relayd

/// What waits to be written is bounded, wherever it waits, and what is missing is told.
struct LogQueueTests {
    /// Somebody who reads a message each time that a test lets them.
    private struct Reader: LogHandler {
        final class Log: Sendable {
            let messages = Mutex<[String]>([])
            /// Signalled when a message is about to be written.
            let isReached = DispatchSemaphore(value: 0)
            let reads = DispatchSemaphore(value: 0)
        }

        let log = Log()
        var logLevel = Logger.Level.trace
        var metadata = Logger.Metadata()

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { self.metadata[key] }
            set { self.metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            self.log.isReached.signal()
            self.log.reads.wait()
            let missing = event.metadata?["messages"].map { " \($0)" } ?? ""
            self.log.messages.withLock { $0.append("\(event.message)\(missing)") }
        }
    }

    private let queue = LogQueue()
    private let reader = Reader()

    private func log(_ numbers: Range<Int>) {
        for number in numbers {
            let event = LogEvent(
                level: .info,
                message: "\(number)",
                metadata: nil,
                source: nil,
                file: #fileID,
                function: #function,
                line: #line
            )
            self.queue.log(event, to: self.reader)
        }
    }

    /// Has so many messages read, and another one taken from the queue.
    private func read(_ count: Int) {
        for _ in 0..<count {
            self.reader.log.reads.signal()
            self.reader.log.isReached.wait()
        }
    }

    /// Lets everything be read, and returns it.
    private func everything() async throws -> [String] {
        for _ in 0..<4 * LogQueue.limit { self.reader.log.reads.signal() }
        try #require(await self.queue.flush(within: patience))
        return self.reader.log.messages.withLock { $0 }
    }

    private func texts(_ numbers: ClosedRange<Int>) -> [String] { numbers.map(String.init) }

    private func dropped(_ count: Int) -> [String] {
        ["Log messages were dropped: the log was not read for too long, or too slowly \(count)"]
    }

    @Test("No more wait than may, and that messages are missing is told although none comes after them")
    func limit() async throws {
        let limit = LogQueue.limit
        self.log(0..<1)
        self.reader.log.isReached.wait()
        self.log(1..<2 * limit)
        #expect(try await self.everything() == self.texts(0...limit) + self.dropped(limit - 1))
    }

    @Test("A log that is read slowly says between which messages some are missing, and not after each")
    func again() async throws {
        let limit = LogQueue.limit
        self.log(0..<1)
        self.reader.log.isReached.wait()
        self.log(1..<limit + 2)
        self.read(limit / 2)
        self.log(limit + 2..<limit + 3)
        self.read(1)
        self.log(limit + 3..<limit + 5)
        let kept = self.texts(0...limit) + self.dropped(2) + self.texts(limit + 3...limit + 4)
        #expect(try await self.everything() == kept)
    }
}
