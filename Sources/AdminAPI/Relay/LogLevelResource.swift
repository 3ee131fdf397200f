/// The level of the relay's log.
public struct LogLevelResource: Codable, Equatable, Sendable {
    /// The lowest level that is logged now.
    public var level: LogLevelName
    /// The level of the configuration.
    public var configuredLevel: LogLevelName
    /// The time at which ``level`` returns to ``configuredLevel``; `nil` when they are equal.
    @Nullable public var revertsAt: String?

    enum CodingKeys: String, CodingKey {
        case level
        case configuredLevel = "configured_level"
        case revertsAt = "reverts_at"
    }

    /// Makes the level.
    public init(level: LogLevelName, configuredLevel: LogLevelName, revertsAt: String?) {
        self.level = level
        self.configuredLevel = configuredLevel
        self.revertsAt = revertsAt
    }
}

/// The severity of a log message, in ascending order.
public enum LogLevelName: String, Codable, CaseIterable, Sendable {
    case trace
    case debug
    case info
    case notice
    case warning
    case error
    case critical
}

/// The JSON body that changes the log level for a time.
public struct SetLogLevelRequest: Codable, Equatable, Sendable {
    /// The lowest level to be logged.
    public var level: LogLevelName
    /// Seconds until the configured level returns, 1 to 4,294,967,295.
    public var forSeconds: UInt32

    enum CodingKeys: String, CodingKey, CaseIterable {
        case level
        case forSeconds = "for_seconds"
    }

    /// The names of all fields; any other is refused.
    public static let fieldNames = Set(CodingKeys.allCases.map(\.rawValue))

    /// Makes a request.
    public init(level: LogLevelName, forSeconds: UInt32) {
        self.level = level
        self.forSeconds = forSeconds
    }
}
