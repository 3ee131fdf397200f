/// What the relay logs.
public struct LogLevelResource: Codable, Equatable, Sendable {
    /// Messages of this level and those above it.
    public var level: LogLevelName
    /// What is logged when nothing else is asked for.
    public var configuredLevel: LogLevelName
    /// When ``level`` becomes ``configuredLevel`` by itself; `nil` when it is.
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

/// How much a log message matters, least first.
public enum LogLevelName: String, Codable, CaseIterable, Sendable {
    case trace
    case debug
    case info
    case notice
    case warning
    case error
    case critical
}

/// The JSON body that changes what is logged for a time.
public struct SetLogLevelRequest: Codable, Equatable, Sendable {
    /// Messages of this level and those above it.
    public var level: LogLevelName
    /// How long, 1 to 4,294,967,295: then the configured level is in force again.
    public var forSeconds: UInt32

    enum CodingKeys: String, CodingKey, CaseIterable {
        case level
        case forSeconds = "for_seconds"
    }

    /// The names of all fields: any other is refused.
    public static let fieldNames = Set(CodingKeys.allCases.map(\.rawValue))

    /// Makes a request.
    public init(level: LogLevelName, forSeconds: UInt32) {
        self.level = level
        self.forSeconds = forSeconds
    }
}
