import Foundation
import Logging
import RelayCore
import RelayStorage

/// The configuration of the running relay: the settings in force, and those that wait for a restart. It includes the log level,
/// which an operator can change for a time.
///
/// A reload applies the keys with ``ConfigurationKey/isReloadable``: the log level, and the store's caps, policy and time to
/// live. A wrong configuration changes nothing.
actor RunningSettings: RelaySettings {
    /// A log level for a time.
    private struct Override {
        var level: LogSeverity
        var end: Timestamp
        var alarm: Task<Void, Never>
    }

    private let options: RelaydOptions
    private let environment: [String: String]
    private let level: LogLevel
    private let groupCommit: GroupCommitThread
    private let log: LogQueue
    private let logger: Logger
    /// The configuration at the start of the relay.
    private let started: RelayConfiguration
    /// The valid configuration that was read last.
    private var latest: RelayConfiguration
    private var reloads = 0
    private var refusedReloads = 0
    /// The latest reload, if it was refused.
    private var refused: RefusedReload?
    private var override: Override?
    /// The number of overrides, so that the timer of a former one does not end the next.
    private var overrides = 0

    init(
        _ configuration: RelayConfiguration,
        options: RelaydOptions,
        environment: [String: String] = ProcessInfo.processInfo.environment,
        level: LogLevel,
        groupCommit: GroupCommitThread,
        log: LogQueue,
        logger: Logger
    ) {
        self.log = log
        self.started = configuration
        self.latest = configuration
        self.options = options
        self.environment = environment
        self.level = level
        self.groupCommit = groupCommit
        self.logger = logger
    }

    // MARK: The configuration

    func settings() -> [SettingSnapshot] {
        zip(ConfigurationTable.keys, zip(self.started.redactedEntries, self.latest.redactedEntries)).map { key, entries in
            let (started, latest) = entries
            let isPending = !key.isReloadable && started.value != latest.value
            var setting = SettingSnapshot(
                key: key.name,
                value: key.isReloadable ? latest.value : started.value,
                source: "\(key.isReloadable ? latest.place : started.place)",
                isReloadable: key.isReloadable,
                pendingValue: isPending ? latest.value : nil
            )
            if key.name == "log_level", let override {
                setting.value = override.level.rawValue
                setting.source = "admin API, for a time"
            }
            return setting
        }
    }

    func check(file: [UInt8]) throws(SettingFlaws) -> SettingChanges {
        do throws(ConfigurationErrors) {
            let configuration = try RelayConfiguration.load(options: self.options, environment: self.environment, file: file)
            try self.checkCompleteness(of: file, isSameFile: false)
            return self.changes(to: configuration)
        } catch {
            throw SettingFlaws(error)
        }
    }

    func reload() async throws -> SettingChanges {
        let configuration: RelayConfiguration
        do throws(ConfigurationErrors) {
            configuration = try await self.readAgain()
        } catch {
            let flaws = SettingFlaws(error)
            self.refusedReloads += 1
            self.refused = RefusedReload(at: Timestamp.now, flaws: flaws.flaws)
            self.logger.error(
                "The configuration was not read again; the former one stays",
                metadata: ["error": "\(error)"]
            )
            throw flaws
        }
        let limits = configuration.storeLimits
        try await self.groupCommit.perform { $0.limits = limits }
        let changes = self.changes(to: configuration)
        self.latest = configuration
        self.reloads += 1
        self.refused = nil
        if self.override == nil { self.level.current = configuration.logLevel }
        self.logger.notice(
            "The configuration was read again",
            metadata: [
                "changed": "\(changes.changed.joined(separator: ","))",
                "needs_restart": "\(changes.needsRestart.joined(separator: ","))",
            ]
        )
        return changes
    }

    func refusedReload() -> RefusedReload? { self.refused }

    private func readAgain() async throws(ConfigurationErrors) -> RelayConfiguration {
        guard let path = self.options.config else {
            return try RelayConfiguration.load(options: self.options, environment: self.environment)
        }
        let former = self.latest.text
        let text = try await ConfigurationText.settled(path: path, after: former)
        let configuration = try RelayConfiguration.load(options: self.options, environment: self.environment, text: text)
        try self.checkCompleteness(of: text.bytes, isSameFile: former.map(text.isSameFile) ?? false)
        return configuration
    }

    /// Refuses contents of the file that may be incomplete.
    private func checkCompleteness(of bytes: [UInt8], isSameFile: Bool) throws(ConfigurationErrors) {
        guard let path = self.options.config, let former = self.latest.text else { return }
        let error = IncompleteConfiguration.error(bytes, after: former.bytes, isSameFile: isSameFile, path: path)
        if let error { throw ConfigurationErrors(errors: [error]) }
    }

    /// The metrics of the configuration and of the log.
    func metrics() -> [MetricFamily] {
        [
            MetricFamily(
                "ttms_config_reloads_total",
                .counter,
                help: "Reloads of the configuration, by result.",
                samples: [
                    .init(Double(self.reloads), labels: [.init("result", "applied")]),
                    .init(Double(self.refusedReloads), labels: [.init("result", "refused")]),
                ]
            ),
            MetricFamily(
                "ttms_config_last_reload_successful",
                .gauge,
                help: "0 while the configuration that was read last is wrong or incomplete, and the former one stays in force.",
                value: self.refused == nil ? 1 : 0
            ),
            MetricFamily(
                "ttms_log_messages_lost_total",
                .counter,
                help: "Log messages that were dropped because the log was not read in time, or that standard error refused.",
                value: self.log.lostMessages
            ),
        ]
    }

    /// The differences of `configuration` from the settings in force.
    private func changes(to configuration: RelayConfiguration) -> SettingChanges {
        var changes = SettingChanges()
        for (index, key) in ConfigurationTable.keys.enumerated() {
            let inForce = key.isReloadable ? self.latest : self.started
            // Includes secrets: values are compared before they are redacted.
            guard key.show(inForce) != key.show(configuration) else { continue }
            let name = configuration.redactedEntries[index].key
            if key.isReloadable { changes.changed.append(name) } else { changes.needsRestart.append(name) }
        }
        return changes
    }

    // MARK: The log level

    func logLevel() -> LogLevelSnapshot {
        let configured = LogSeverity(self.latest.logLevel)
        return LogLevelSnapshot(
            level: self.override?.level ?? configured,
            configured: configured,
            revertsAt: self.override?.end
        )
    }

    func setLogLevel(_ level: LogSeverity, seconds: UInt32) -> LogLevelSnapshot {
        self.override?.alarm.cancel()
        self.overrides += 1
        let alarm = Task { [weak self, number = self.overrides] in
            guard (try? await Task.sleep(for: .seconds(Int64(seconds)))) != nil else { return }
            await self?.end(ofOverride: number)
        }
        self.override = Override(level: level, end: Timestamp.now.advanced(bySeconds: Int64(seconds)), alarm: alarm)
        self.level.current = Logger.Level(level)
        self.logger.notice(
            "The log level was changed for a time",
            metadata: ["level": "\(level.rawValue)", "seconds": "\(seconds)"]
        )
        return self.logLevel()
    }

    private func end(ofOverride number: Int) {
        if number == self.overrides { _ = self.revertLogLevel() }
    }

    func revertLogLevel() -> LogLevelSnapshot {
        guard let override else { return self.logLevel() }
        override.alarm.cancel()
        self.override = nil
        self.level.current = self.latest.logLevel
        self.logger.notice("The log level is the configured one again", metadata: ["level": "\(self.latest.logLevel.rawValue)"])
        return self.logLevel()
    }
}

extension SettingFlaws {
    fileprivate init(_ errors: ConfigurationErrors) {
        self.init(
            errors.errors.map { error in
                Flaw(key: error.key, source: "\(error.place)", problem: error.problem, allowed: error.allowed)
            }
        )
    }
}

extension LogSeverity {
    fileprivate init(_ level: Logger.Level) {
        self =
            switch level {
            case .trace: .trace
            case .debug: .debug
            case .info: .info
            case .notice: .notice
            case .warning: .warning
            case .error: .error
            case .critical: .critical
            }
    }
}

extension Logger.Level {
    fileprivate init(_ severity: LogSeverity) {
        self =
            switch severity {
            case .trace: .trace
            case .debug: .debug
            case .info: .info
            case .notice: .notice
            case .warning: .warning
            case .error: .error
            case .critical: .critical
            }
    }
}
