import Foundation
import Logging
import Synchronization

/// Writes log messages on a thread of its own, in their order: an event loop that logs does not wait for whoever reads the log.
///
/// A pipe whose reader has stopped takes nothing more, and a write to it waits for ever. What cannot be written waits here, up to a
/// limit; what comes after that is dropped, and counted in a message of its own once the log is read again.
final class LogQueue: Sendable {
    private struct Entry {
        var event: LogEvent
        var handler: any LogHandler
    }

    private struct Contents {
        var entries: [Entry] = []
        var dropped = 0
        /// What the thread has taken is not all written.
        var isWriting = false
    }

    /// Messages that wait at the most, each some 500 bytes. A log that is read takes as many in less than 100 ms.
    static let limit = 8_192

    private let contents = Mutex(Contents())
    private let arrival = DispatchSemaphore(value: 0)

    /// Makes a queue whose thread runs as long as the process.
    init() {
        let thread = Thread { self.write() }
        thread.name = "ttms-log"
        thread.start()
    }

    /// Has `handler` write `event`.
    func log(_ event: LogEvent, to handler: any LogHandler) {
        let isFirst = self.contents.withLock { contents in
            guard contents.entries.count < Self.limit else {
                contents.dropped += 1
                return false
            }
            contents.entries.append(Entry(event: event, handler: handler))
            return contents.entries.count == 1
        }
        // The thread is woken once, and takes everything that is there by then.
        if isFirst { self.arrival.signal() }
    }

    /// Waits until all that has been logged is written, or until `limit` is over: nobody may be reading.
    ///
    /// - Returns: whether it is written.
    func flush(within limit: Duration) async -> Bool {
        let deadline = ContinuousClock.now + limit
        while !self.contents.withLock({ $0.entries.isEmpty && !$0.isWriting }) {
            guard ContinuousClock.now < deadline else { return false }
            try? await Task.sleep(for: .milliseconds(1))
        }
        return true
    }

    private func write() {
        while true {
            self.arrival.wait()
            let (entries, dropped) = self.contents.withLock { contents in
                defer { (contents.entries, contents.dropped, contents.isWriting) = ([], 0, true) }
                return (contents.entries, contents.dropped)
            }
            for entry in entries { entry.handler.log(event: entry.event) }
            if dropped > 0, let last = entries.last { last.handler.log(event: Self.message(dropped: dropped)) }
            self.contents.withLock { $0.isWriting = false }
        }
    }

    private static func message(dropped: Int) -> LogEvent {
        LogEvent(
            level: .warning,
            message: "Log messages were dropped: the log was not read for too long, or too slowly",
            metadata: ["messages": "\(dropped)"],
            source: nil,
            file: #fileID,
            function: #function,
            line: #line
        )
    }
}
