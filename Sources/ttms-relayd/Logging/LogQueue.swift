import CLinuxProcess
import Foundation
import Logging
import NIOCore
import Synchronization

/// Writes log messages on a thread of its own, in their order, so that an event loop that logs does not wait for the log's
/// reader.
///
/// A pipe whose reader has stopped accepts nothing more, and a write to it blocks. Messages wait in this queue up to a limit.
/// Above it, new messages are dropped until half of the waiting ones are written. They are counted in a message of its own,
/// which is logged in their place. Messages that standard error refuses, such as on a full disk, are counted in the same way.
final class LogQueue: Sendable {
    private enum Entry {
        case event(LogEvent, handler: any LogHandler)
        /// A text for standard output.
        case text(String)
    }

    private struct Contents {
        var entries = CircularBuffer<Entry>()
        /// The number of dropped messages after the last entry, and the handler of the first of them.
        var missing: (count: Int, handler: any LogHandler)?
        /// The number of messages dropped or refused since the start.
        var lost = 0
        /// Whether the thread is writing an entry that it has taken.
        var isWriting = false

        var isEmpty: Bool { self.entries.isEmpty && self.missing == nil && !self.isWriting }

        mutating func append(_ entry: Entry) {
            // Half, because otherwise half of a slowly read log would be messages about dropped ones.
            guard self.entries.count < (self.missing == nil ? LogQueue.limit : LogQueue.limit / 2) else {
                guard case .event(_, let handler) = entry else { return }
                self.missing = ((self.missing?.count ?? 0) + 1, self.missing?.handler ?? handler)
                self.lost += 1
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
            return .event(LogQueue.message(dropped: count), handler: handler)
        }
    }

    /// The largest number of waiting messages, each about 500 bytes. An active reader reads as many in less than 100 ms.
    static let limit = 8_192

    private let contents = Mutex(Contents())
    private let arrival = DispatchSemaphore(value: 0)

    /// Makes a queue whose thread runs as long as the process.
    init() {
        let thread = Thread { self.write() }
        thread.name = "ttms-log"
        thread.start()
    }

    /// The number of messages that were never written, because the queue was full or standard error refused them.
    var lostMessages: Int { self.contents.withLock(\.lost) }

    /// Has `handler` write `event`.
    func log(_ event: LogEvent, to handler: any LogHandler) {
        self.append(.event(event, handler: handler))
    }

    /// Has `text` written to standard output, if that accepts it in time.
    func print(_ text: String) {
        self.append(.text(text))
    }

    private func append(_ entry: Entry) {
        let isFirst = self.contents.withLock { contents in
            defer { contents.append(entry) }
            return contents.isEmpty
        }
        // The thread is woken once, and writes all entries.
        if isFirst { self.arrival.signal() }
    }

    /// Waits until all messages are written, or until `limit` is over because the log has no reader.
    ///
    /// - Returns: whether all messages are written.
    func flush(within limit: Duration) async -> Bool {
        let deadline = ContinuousClock.now + limit
        while !self.contents.withLock(\.isEmpty) {
            guard ContinuousClock.now < deadline else { return false }
            try? await Task.sleep(for: .milliseconds(1))
        }
        return true
    }

    private func write() {
        // The messages that standard error has refused and that are not reported yet.
        var refused = 0
        while true {
            self.arrival.wait()
            while let entry = self.contents.withLock({ $0.popFirst() }) {
                switch entry {
                case .text(let text): StandardStream.output.write(text, within: Self.outputPatience)
                case .event(let event, let handler):
                    if refused > 0, Self.write(Self.message(refused: refused), handler) { refused = 0 }
                    guard refused > 0 || !Self.write(event, handler) else { continue }
                    refused += 1
                    self.contents.withLock { $0.lost += 1 }
                }
            }
        }
    }

    /// The longest wait of the log for standard output; the text is also in `endpoints.json`.
    private static let outputPatience: Duration = .milliseconds(500)

    /// - Returns: whether standard error has accepted the message.
    private static func write(_ event: LogEvent, _ handler: any LogHandler) -> Bool {
        handler.log(event: event)
        return linux_standard_error_failed() == 0
    }

    private static func message(dropped: Int) -> LogEvent {
        self.message("Log messages were dropped: the log was not read for too long, or too slowly", dropped)
    }

    private static func message(refused: Int) -> LogEvent {
        self.message("Log messages were lost: standard error could not be written, as on a full disk", refused)
    }

    private static func message(_ text: Logger.Message, _ count: Int) -> LogEvent {
        LogEvent(
            level: .warning,
            message: text,
            metadata: ["messages": "\(count)"],
            source: nil,
            file: #fileID,
            function: #function,
            line: #line
        )
    }
}
