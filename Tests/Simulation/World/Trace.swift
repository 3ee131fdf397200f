import Logging

/// What happened in a world, for somebody who wants to read it.
///
/// `@unchecked Sendable` because loggers have to be: it belongs to its world's thread.
final class Trace: @unchecked Sendable {
    private let isWanted: Bool
    private(set) var lines: [String] = []

    init(isWanted: Bool) {
        self.isWanted = isWanted
    }

    func note(_ line: @autoclosure () -> String) {
        if self.isWanted { self.lines.append(line()) }
    }

    /// Writes what the relay logs into the trace.
    var logger: Logger {
        var logger = Logger(label: "simulation") { _ in TraceLog(trace: self) }
        logger.logLevel = self.isWanted ? .trace : .critical
        return logger
    }
}

/// What the relay logs, as a part of the trace.
private struct TraceLog: LogHandler {
    let trace: Trace
    var logLevel = Logger.Level.trace
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let metadata = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        self.trace.note("  the relay: \(event.message) \(metadata.joined(separator: " "))")
    }
}
