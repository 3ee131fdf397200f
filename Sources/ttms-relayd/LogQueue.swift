import Foundation
import Logging
import NIOCore
import Synchronization

/// Writes log messages on a thread of its own, in their order: an event loop that logs does not wait for whoever reads the log.
///
/// A pipe whose reader has stopped takes nothing more, and a write to it waits for ever. What cannot be written waits here, up to a
/// limit; what comes after that is dropped until half of what waits has been written, and counted in a message of its own, which
/// stands where the dropped ones would.
final class LogQueue: Sendable {
    private struct Entry {
        var event: LogEvent
        var handler: any LogHandler
    }

    private struct Contents {
        var entries = CircularBuffer<Entry>()
        /// How many came after the last of the entries and are dropped, and who would have written the first of them.
        var missing: (count: Int, handler: any LogHandler)?
        /// The thread has taken one, and has not written it.
        var isWriting = false

        var isEmpty: Bool { self.entries.isEmpty && self.missing == nil && !self.isWriting }

        mutating func append(_ entry: Entry) {
            // Half, because a log that is read slowly would otherwise be half of it messages about dropped ones.
            guard self.entries.count < (self.missing == nil ? LogQueue.limit : LogQueue.limit / 2) else {
                self.missing = ((self.missing?.count ?? 0) + 1, self.missing?.handler ?? entry.handler)
                return
            }
            if let missing = self.takeMissing() { self.entries.append(missing) }
            self.entries.append(entry)
        }

        mutating func popFirst() -> Entry? {
            let entry = self.entries.popFirst() ?? self.takeMissing()
            self.isWriting = entry != nil
            return entry
        }

        private mutating func takeMissing() -> Entry? {
            guard let (count, handler) = self.missing else { return nil }
            self.missing = nil
            return Entry(event: LogQueue.message(dropped: count), handler: handler)
        }
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
            defer { contents.append(Entry(event: event, handler: handler)) }
            return contents.isEmpty
        }
        // The thread is woken once, and writes everything that is there by then.
        if isFirst { self.arrival.signal() }
    }

    /// Waits until all that has been logged is written, or until `limit` is over: nobody may be reading.
    ///
    /// - Returns: whether it is written.
    func flush(within limit: Duration) async -> Bool {
        let deadline = ContinuousClock.now + limit
        while !self.contents.withLock(\.isEmpty) {
            guard ContinuousClock.now < deadline else { return false }
            try? await Task.sleep(for: .milliseconds(1))
        }
        return true
    }

    private func write() {
        while true {
            self.arrival.wait()
            while let entry = self.contents.withLock({ $0.popFirst() }) { entry.handler.log(event: entry.event) }
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
