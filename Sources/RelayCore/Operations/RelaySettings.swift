/// What an operator can ask of a running relay's settings, and do to them: the seam between the admin API and the configuration.
public protocol RelaySettings: Sendable {
    /// Every setting as it is in force, in the order of the documentation.
    func settings() async -> [SettingSnapshot]

    /// Checks what the configuration would be if its file had these contents. Changes nothing.
    ///
    /// - Parameter file: YAML.
    /// - Throws: ``SettingFlaws``.
    func check(file: [UInt8]) async throws(SettingFlaws) -> SettingChanges

    /// Reads the configuration again, and puts in force what can change while the relay runs.
    ///
    /// - Throws: ``SettingFlaws`` when it is wrong; nothing has changed then. `StoreError` when the store cannot take its part.
    func reload() async throws -> SettingChanges

    /// The latest attempt to read the configuration again, where it was refused; `nil` where it was taken, or where there was none.
    func refusedReload() async -> RefusedReload?

    /// What monitoring sees of the settings.
    func metrics() async -> [MetricFamily]

    /// What is logged.
    func logLevel() async -> LogLevelSnapshot

    /// Logs messages of `level` and above until so many seconds have passed.
    func setLogLevel(_ level: LogSeverity, seconds: UInt32) async -> LogLevelSnapshot

    /// Logs again what is configured.
    func revertLogLevel() async -> LogLevelSnapshot
}

extension RelaySettings {
    /// Nothing.
    public func metrics() async -> [MetricFamily] { [] }

    /// None.
    public func refusedReload() async -> RefusedReload? { nil }
}

/// One setting.
public struct SettingSnapshot: Equatable, Sendable {
    /// Its key.
    public var key: String
    /// What is in force, as it would be written in the file; of a secret, only that it is set.
    public var value: String
    /// Where that was set, as an editor or a shell shows it.
    public var source: String
    /// Whether it can change while the relay runs.
    public var isReloadable: Bool
    /// What the configuration said when it was read last, where that needs a restart.
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

/// What another configuration changes.
public struct SettingChanges: Equatable, Sendable {
    /// Keys whose values change at once.
    public var changed: [String]
    /// Keys whose values are different, and stay as they are until the relay is started anew.
    public var needsRestart: [String]

    /// Makes the changes.
    public init(changed: [String] = [], needsRestart: [String] = []) {
        self.changed = changed
        self.needsRestart = needsRestart
    }
}

/// Everything that is wrong with a configuration.
public struct SettingFlaws: Error, Equatable, Sendable {
    /// One wrong key or value.
    public struct Flaw: Equatable, Sendable {
        /// The key as it was written; empty when a source as a whole cannot be read.
        public var key: String
        /// Where it stands.
        public var source: String
        /// What is wrong.
        public var problem: String
        /// What is allowed instead.
        public var allowed: String

        /// Makes a flaw.
        public init(key: String, source: String, problem: String, allowed: String) {
            self.key = key
            self.source = source
            self.problem = problem
            self.allowed = allowed
        }
    }

    /// At least one.
    public var flaws: [Flaw]

    /// Makes an error of them.
    public init(_ flaws: [Flaw]) {
        self.flaws = flaws
    }
}

/// An attempt to read the configuration again that has changed nothing.
public struct RefusedReload: Equatable, Sendable {
    /// When it was made, by the wall clock.
    public var at: Timestamp
    /// What is wrong with the configuration.
    public var flaws: [SettingFlaws.Flaw]

    /// Makes a refused attempt.
    public init(at: Timestamp, flaws: [SettingFlaws.Flaw]) {
        self.at = at
        self.flaws = flaws
    }
}

/// How much a log message matters, least first.
public enum LogSeverity: String, CaseIterable, Sendable {
    case trace
    case debug
    case info
    case notice
    case warning
    case error
    case critical
}

/// What is logged.
public struct LogLevelSnapshot: Equatable, Sendable {
    /// Messages of this severity and those above it.
    public var level: LogSeverity
    /// What is logged when nothing else is asked for.
    public var configured: LogSeverity
    /// When ``level`` becomes ``configured`` by itself; `nil` when it is.
    public var revertsAt: Timestamp?

    /// Makes a snapshot.
    public init(level: LogSeverity, configured: LogSeverity, revertsAt: Timestamp? = nil) {
        self.level = level
        self.configured = configured
        self.revertsAt = revertsAt
    }
}
