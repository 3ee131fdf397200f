import CRocksDB
import Logging

/// Receives RocksDB's own warnings, and passes them to the relay's log.
///
/// RocksDB has no log file of its own: when a write to that fails, its next message aborts the process. What matters to an operator
/// the store reports itself, so that these messages are for whoever looks for the cause.
final class DatabaseMessageLog: Sendable {
    private let logger: Logger

    init(logger: Logger) {
        self.logger = logger
    }

    /// Has all databases that are opened with `options` report here. They must not outlive this object.
    func receive(from options: OpaquePointer) {
        ttms_options_set_logger(
            options,
            Self.warningLevel,
            { context, level, text in
                guard let context, let text else { return }
                let log = Unmanaged<DatabaseMessageLog>.fromOpaque(context).takeUnretainedValue()
                log.logger.debug(
                    "RocksDB reports something.",
                    metadata: ["severity": "\(level)", "text": "\(String(cString: text))"]
                )
            },
            Unmanaged.passUnretained(self).toOpaque()
        )
    }

    /// RocksDB's `WARN_LEVEL`.
    private static let warningLevel: CInt = 2
}
