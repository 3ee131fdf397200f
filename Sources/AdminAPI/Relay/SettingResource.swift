/// One setting of the configuration.
public struct SettingResource: Codable, Equatable, Sendable {
    /// The key, as in the file.
    public var key: String
    /// The value in force, as it would be written in the file; `(set)` for a secret.
    public var value: String
    /// The place that set it: `default`, a file with its line, an environment variable, the command line, or the admin API.
    public var source: String
    /// Whether a reload puts another value in force; all other settings require a restart.
    public var reloadable: Bool
    /// The configured value that requires a restart to be in force; `nil` when there is none.
    @Nullable public var pendingValue: String?

    enum CodingKeys: String, CodingKey {
        case key, value, source, reloadable
        case pendingValue = "pending_value"
    }

    /// Makes a setting.
    public init(key: String, value: String, source: String, reloadable: Bool, pendingValue: String?) {
        self.key = key
        self.value = value
        self.source = source
        self.reloadable = reloadable
        self.pendingValue = pendingValue
    }
}

/// All settings.
public struct SettingList: Codable, Equatable, Sendable {
    /// The settings, in the order of the documentation.
    public var data: [SettingResource]
    /// The latest reload, if it was refused: the settings in force then differ from their sources.
    @Nullable public var refusedReload: RefusedReloadResource?

    enum CodingKeys: String, CodingKey {
        case data
        case refusedReload = "refused_reload"
    }

    /// Makes a list.
    public init(data: [SettingResource], refusedReload: RefusedReloadResource?) {
        self.data = data
        self.refusedReload = refusedReload
    }
}

/// A reload that was refused and has changed nothing.
public struct RefusedReloadResource: Codable, Equatable, Sendable {
    /// The time of the reload.
    public var at: String
    /// All faults of the configuration.
    public var errors: [SettingFlaw]

    /// Makes a refused reload.
    public init(at: String, errors: [SettingFlaw]) {
        self.at = at
        self.errors = errors
    }
}

/// The result of a check or a reload of a configuration.
public struct ConfigurationReceipt: Codable, Equatable, Sendable {
    /// Whether the configuration is valid.
    public var valid: Bool
    /// All faults of it.
    public var errors: [SettingFlaw]
    /// Keys whose values change, or have changed, at once.
    public var changed: [String]
    /// Keys whose values differ, and change only at a restart.
    public var needsRestart: [String]

    enum CodingKeys: String, CodingKey {
        case valid, errors, changed
        case needsRestart = "needs_restart"
    }

    /// Makes a receipt.
    public init(valid: Bool, errors: [SettingFlaw] = [], changed: [String] = [], needsRestart: [String] = []) {
        self.valid = valid
        self.errors = errors
        self.changed = changed
        self.needsRestart = needsRestart
    }
}

/// One invalid key or value of a configuration.
public struct SettingFlaw: Codable, Equatable, Sendable {
    /// The key as it was written; empty when the whole file cannot be read.
    public var key: String
    /// The place of the key.
    public var source: String
    /// The fault.
    public var problem: String
    /// The allowed values.
    public var allowed: String

    /// Makes a flaw.
    public init(key: String, source: String, problem: String, allowed: String) {
        self.key = key
        self.source = source
        self.problem = problem
        self.allowed = allowed
    }
}
