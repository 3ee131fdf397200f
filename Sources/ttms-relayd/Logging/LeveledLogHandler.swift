import Logging
import Synchronization

/// The log level, which an operator can change while the relay runs.
final class LogLevel: Sendable {
    private let level: Mutex<Logger.Level>

    init(_ level: Logger.Level) {
        self.level = Mutex(level)
    }

    var current: Logger.Level {
        get { self.level.withLock { $0 } }
        set { self.level.withLock { $0 = newValue } }
    }
}

/// Queues the messages of the current log level and of more severe ones.
struct LeveledLogHandler: LogHandler {
    private var handler: any LogHandler
    private let level: LogLevel
    private let queue: LogQueue

    init(_ handler: any LogHandler, level: LogLevel, queue: LogQueue) {
        self.handler = handler
        self.queue = queue
        self.handler.logLevel = .trace
        self.level = level
    }

    var logLevel: Logger.Level {
        get { self.level.current }
        // All loggers share the operator's log level.
        set {}
    }

    var metadata: Logger.Metadata {
        get { self.handler.metadata }
        set { self.handler.metadata = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.handler[metadataKey: key] }
        set { self.handler[metadataKey: key] = newValue }
    }

    func log(event: LogEvent) {
        guard event.level >= self.level.current else { return }
        self.queue.log(event, to: self.handler)
    }
}
