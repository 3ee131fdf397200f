import CRocksDB
import Logging

/// Receives RocksDB's own warnings, and writes them to the relay's log.
///
/// RocksDB gets no log file of its own: after a failed write to one, its next message would abort the process. The store
/// reports all failures itself; these messages are for the search for causes.
final class DatabaseMessageLog: Sendable {
    private let logger: Logger

    init(logger: Logger) {
        self.logger = logger
    }

    /// Receives the messages of all databases that are opened with `options`. They must not outlive this object.
    func receive(from options: OpaquePointer) {
        ttms_options_set_logger(
            options,
            Self.warningLevel,
            { context, level, text in
                guard let context, let text else { return }
                let log = Unmanaged<DatabaseMessageLog>.fromOpaque(context).takeUnretainedValue()
                log.logger.debug(
                    "RocksDB has logged a message.",
                    metadata: ["severity": "\(level)", "text": "\(String(cString: text))"]
                )
            },
            Unmanaged.passUnretained(self).toOpaque()
        )
    }

    /// RocksDB's `WARN_LEVEL`.
    private static let warningLevel: CInt = 2
}
