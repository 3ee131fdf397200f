import CLinuxProcess
import Foundation
import Logging
import NIOCore
import Synchronization

/// Writes log messages on a thread of its own, in their order: an event loop that logs does not wait for whoever reads the log.
///
/// A pipe whose reader has stopped takes nothing more, and a write to it waits for ever. What cannot be written waits here, up to a
/// limit; what comes after that is dropped until half of what waits has been written, and counted in a message of its own, which
/// stands where the dropped ones would. What the disk or the pipe of standard error refuses is counted likewise.
final class LogQueue: Sendable {
    private enum Entry {
        case event(LogEvent, handler: any LogHandler)
        /// For standard output.
        case text(String)
    }

    private struct Contents {
        var entries = CircularBuffer<Entry>()
        /// How many came after the last of the entries and are dropped, and who would have written the first of them.
        var missing: (count: Int, handler: any LogHandler)?
        /// How many were dropped or refused since the start.
        var lost = 0
        /// The thread has taken one, and has not written it.
        var isWriting = false

        var isEmpty: Bool { self.entries.isEmpty && self.missing == nil && !self.isWriting }

        mutating func append(_ entry: Entry) {
            // Half, because a log that is read slowly would otherwise be half of it messages about dropped ones.
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

    /// How many messages were never written, because they were too many or standard error refused them.
    var lostMessages: Int { self.contents.withLock(\.lost) }

    /// Has `handler` write `event`.
    func log(_ event: LogEvent, to handler: any LogHandler) {
        self.append(.event(event, handler: handler))
    }

    /// Has `text` written to standard output, if that takes it soon.
    func print(_ text: String) {
        self.append(.text(text))
    }

    private func append(_ entry: Entry) {
        let isFirst = self.contents.withLock { contents in
            defer { contents.append(entry) }
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
        // What standard error has refused in a row, and is not reported yet.
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

    /// The log waits for so long for standard output; its text also stands in `endpoints.json`.
    private static let outputPatience: Duration = .milliseconds(500)

    /// - Returns: whether standard error has taken it.
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
