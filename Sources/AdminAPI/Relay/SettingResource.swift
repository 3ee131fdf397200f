/// One setting of the configuration.
public struct SettingResource: Codable, Equatable, Sendable {
    /// The key, as in the file.
    public var key: String
    /// What is in force, as it would be written in the file; `(set)` for a secret.
    public var value: String
    /// Where that was set: `default`, a file with its line, an environment variable, the command line, or the admin API.
    public var source: String
    /// Whether a reload puts another value in force; all others need a restart.
    public var reloadable: Bool
    /// What the configuration said when it was read last, where that waits for a restart; `nil` where nothing waits.
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
    /// In the order of the documentation.
    public var data: [SettingResource]
    /// The latest attempt to read the configuration again, where it was refused: what is in force is not what the sources say now.
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

/// An attempt to read the configuration again that has changed nothing.
public struct RefusedReloadResource: Codable, Equatable, Sendable {
    /// When it was made.
    public var at: String
    /// Everything that is wrong with the configuration.
    public var errors: [SettingFlaw]

    /// Makes a refused attempt.
    public init(at: String, errors: [SettingFlaw]) {
        self.at = at
        self.errors = errors
    }
}

/// What a configuration that was checked, or read again, comes to.
public struct ConfigurationReceipt: Codable, Equatable, Sendable {
    /// Whether it can be used at all.
    public var valid: Bool
    /// Everything that is wrong with it.
    public var errors: [SettingFlaw]
    /// Keys whose values change, or have changed, at once.
    public var changed: [String]
    /// Keys whose values are different, and stay as they are until the relay is started anew.
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

/// One wrong key or value of a configuration.
public struct SettingFlaw: Codable, Equatable, Sendable {
    /// The key as it was written; empty when a file as a whole cannot be read.
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
