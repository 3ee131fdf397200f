/// Operations on a running relay's settings: the interface between the admin API and the configuration.
public protocol RelaySettings: Sendable {
    /// Returns every setting with its present value, in the order of the documentation.
    func settings() async -> [SettingSnapshot]

    /// Checks the configuration that a file with these contents would yield. Changes nothing.
    ///
    /// - Parameter file: contents of the file, YAML.
    /// - Throws: ``SettingFlaws``.
    func check(file: [UInt8]) async throws(SettingFlaws) -> SettingChanges

    /// Reads the configuration again, and applies the settings that can change while the relay runs.
    ///
    /// - Throws: ``SettingFlaws`` when the configuration has errors; nothing has changed then. `StoreError` when the store cannot
    ///   apply its part.
    func reload() async throws -> SettingChanges

    /// Returns the latest reload if it was refused; `nil` if it was applied, or there was none.
    func refusedReload() async -> RefusedReload?

    /// Returns the metrics of the settings.
    func metrics() async -> [MetricFamily]

    /// Returns the log level.
    func logLevel() async -> LogLevelSnapshot

    /// Sets the log level for this number of seconds.
    func setLogLevel(_ level: LogSeverity, seconds: UInt32) async -> LogLevelSnapshot

    /// Restores the configured log level.
    func revertLogLevel() async -> LogLevelSnapshot
}

extension RelaySettings {
    /// Returns no metrics.
    public func metrics() async -> [MetricFamily] { [] }

    /// Returns `nil`.
    public func refusedReload() async -> RefusedReload? { nil }
}

/// One setting.
public struct SettingSnapshot: Equatable, Sendable {
    /// Key of the setting.
    public var key: String
    /// Present value in the form of the file; of a secret, only whether it is set.
    public var value: String
    /// Source of the value, in the form that an editor or a shell shows.
    public var source: String
    /// Whether it can change while the relay runs.
    public var isReloadable: Bool
    /// Value in the latest configuration, if it takes effect only after a restart.
    public var pendingValue: String?

    /// Makes a snapshot.
    public init(key: String, value: String, source: String, isReloadable: Bool, pendingValue: String? = nil) {
        self.key = key
        self.value = value
        self.source = source
        self.isReloadable = isReloadable
        self.pendingValue = pendingValue
    }
}

/// Differences of another configuration.
public struct SettingChanges: Equatable, Sendable {
    /// Keys whose values change at once.
    public var changed: [String]
    /// Keys with different values that take effect only after a restart.
    public var needsRestart: [String]

    /// Makes the changes.
    public init(changed: [String] = [], needsRestart: [String] = []) {
        self.changed = changed
        self.needsRestart = needsRestart
    }
}

/// All errors of a configuration.
public struct SettingFlaws: Error, Equatable, Sendable {
    /// One wrong key or value.
    public struct Flaw: Equatable, Sendable {
        /// Key in the form of the source; empty when a source as a whole cannot be read.
        public var key: String
        /// Source of the key.
        public var source: String
        /// Description of the error.
        public var problem: String
        /// Allowed values.
        public var allowed: String

        /// Makes a flaw.
        public init(key: String, source: String, problem: String, allowed: String) {
            self.key = key
            self.source = source
            self.problem = problem
            self.allowed = allowed
        }
    }

    /// Errors, at least one.
    public var flaws: [Flaw]

    /// Makes an error with these flaws.
    public init(_ flaws: [Flaw]) {
        self.flaws = flaws
    }
}

/// Reload that was refused and has changed nothing.
public struct RefusedReload: Equatable, Sendable {
    /// Time of the attempt, by the wall clock.
    public var at: Timestamp
    /// Errors of the configuration.
    public var flaws: [SettingFlaws.Flaw]

    /// Makes a refused attempt.
    public init(at: Timestamp, flaws: [SettingFlaws.Flaw]) {
        self.at = at
        self.flaws = flaws
    }
}

/// Severity of a log message, lowest first.
public enum LogSeverity: String, CaseIterable, Sendable {
    case trace
    case debug
    case info
    case notice
    case warning
    case error
    case critical
}

/// Log level, configured or temporary.
public struct LogLevelSnapshot: Equatable, Sendable {
    /// Lowest severity that is logged now.
    public var level: LogSeverity
    /// Configured lowest severity.
    public var configured: LogSeverity
    /// Time at which ``level`` returns to ``configured``; `nil` when they are the same.
    public var revertsAt: Timestamp?

    /// Makes a snapshot.
    public init(level: LogSeverity, configured: LogSeverity, revertsAt: Timestamp? = nil) {
        self.level = level
        self.configured = configured
        self.revertsAt = revertsAt
    }
}
