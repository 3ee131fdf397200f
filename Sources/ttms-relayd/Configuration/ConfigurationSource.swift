import Configuration
import Foundation

/// One source of settings.
///
/// A snapshot of swift-configuration holds the values. Snapshots list neither their keys nor the places of these, and errors
/// need both: `places` has them.
struct ConfigurationSource: Sendable {
    /// All keys that this source sets, including unknown ones.
    let places: [String: ConfigurationPlace]
    private let snapshot: any ConfigSnapshot
    /// The prefix of each key in the snapshot.
    private let prefix: [String]

    init(places: [String: ConfigurationPlace], snapshot: any ConfigSnapshot, prefix: [String] = []) {
        self.places = places
        self.snapshot = snapshot
        self.prefix = prefix
    }

    /// The texts of `key`'s values. A list may also be written as one text with commas between its items.
    func values(of key: ConfigurationKey) -> [String] {
        let path = AbsoluteConfigKey(self.prefix + [key.name])
        // A snapshot throws when its value is of another type; then the other type is tried.
        if case .string(let text) = try? self.snapshot.value(forKey: path, type: .string).value?.content {
            guard key.isList else { return [text] }
            return text.split(separator: ",", omittingEmptySubsequences: false).map { $0.trimmingCharacters(in: .whitespaces) }
        }
        guard case .stringArray(let texts) = try? self.snapshot.value(forKey: path, type: .stringArray).value?.content else {
            return []
        }
        return texts
    }

    /// The errors for unknown keys, each with the nearest known key.
    func unknownKeys() -> [ConfigurationError] {
        let unknown = self.places.filter { ConfigurationTable.key($0.key) == nil }
        return unknown.sorted { $0.key < $1.key }.map { name, place in
            ConfigurationError(
                key: name,
                place: place,
                problem: "there is no such key",
                allowed: ConfigurationTable.nearestKey(to: name).map { "\($0.name), if that is meant" }
                    ?? ConfigurationTable.keys.map(\.name).joined(separator: ", ")
            )
        }
    }
}

// MARK: Environment

extension ConfigurationSource {
    private static let variablePrefix = "TTMS_"
    /// Variables that ttmsctl reads: the relay must start in an operator's shell that sets them.
    private static let foreignVariables: Set<String> = ["TTMS_TOKEN"]

    /// The variables that begin with `TTMS_`.
    static func environment(_ environment: [String: String]) -> ConfigurationSource {
        let links = ServiceLinks.names(in: environment)
        let variables = environment.filter { name, _ in
            name.hasPrefix(Self.variablePrefix) && !Self.foreignVariables.contains(name) && !links.contains(name)
        }
        let places = variables.keys.map { name in
            let key = name.dropFirst(Self.variablePrefix.count)
            // A variable in mixed case is unknown, and must not match a key.
            return (key == key.uppercased() ? key.lowercased() : String(key), ConfigurationPlace.environment(name))
        }
        return ConfigurationSource(
            places: Dictionary(places) { first, _ in first },
            snapshot: EnvironmentVariablesProvider(environmentVariables: variables).snapshot(),
            prefix: ["ttms"]
        )
    }
}

// MARK: Command line

extension ConfigurationSource {
    /// The options that set keys: `--set`, and those of their own.
    static func commandLine(_ options: RelaydOptions) throws(ConfigurationErrors) -> ConfigurationSource {
        var settings: [(key: String, content: ConfigContent, option: String)] = []
        var errors: [ConfigurationError] = []
        for text in options.set {
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let option = "--set \(text)"
            if parts.count == 2 {
                settings.append((key: parts[0], content: .string(parts[1]), option: option))
            } else {
                let place = ConfigurationPlace.commandLine(option)
                errors.append(ConfigurationError(key: "", place: place, problem: "it has no =", allowed: "KEY=VALUE"))
            }
        }
        if !options.listen.isEmpty {
            settings.append((key: "listen", content: .stringArray(options.listen), option: "--listen"))
        }
        if let admin = options.admin { settings.append((key: "admin", content: .string(admin), option: "--admin")) }
        if let path = options.dataDirectory { settings.append((key: "data_dir", content: .string(path), option: "--data-dir")) }

        var values: [AbsoluteConfigKey: ConfigValue] = [:]
        var places: [String: ConfigurationPlace] = [:]
        for setting in settings {
            let place = ConfigurationPlace.commandLine(setting.option)
            if let earlier = places[setting.key] {
                let problem = "it is set twice, already by: \(earlier)"
                errors.append(ConfigurationError(key: setting.key, place: place, problem: problem, allowed: "each key once"))
            }
            values[AbsoluteConfigKey([setting.key])] = ConfigValue(setting.content, isSecret: false)
            places[setting.key] = place
        }
        guard errors.isEmpty else { throw ConfigurationErrors(errors: errors) }
        return ConfigurationSource(places: places, snapshot: InMemoryProvider(values: values).snapshot())
    }
}
