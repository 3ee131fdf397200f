import Configuration
import Foundation

/// One of the places that settings come from.
///
/// A snapshot of swift-configuration holds the values. Snapshots tell neither which keys they hold nor where those stand, and
/// errors need both: `places` knows.
struct ConfigurationSource: Sendable {
    /// Every key that is set here, known or not.
    let places: [String: ConfigurationPlace]
    private let snapshot: any ConfigSnapshot
    /// What the snapshot has in front of each key.
    private let prefix: [String]

    /// Makes a source of its parts.
    init(places: [String: ConfigurationPlace], snapshot: any ConfigSnapshot, prefix: [String] = []) {
        self.places = places
        self.snapshot = snapshot
        self.prefix = prefix
    }

    /// What was written for `key`. A list may also be written as one text, its items parted by commas.
    func values(of key: ConfigurationKey) -> [String] {
        let path = AbsoluteConfigKey(self.prefix + [key.name])
        // A snapshot throws when what it holds is of another type; the other one is asked for then.
        if case .string(let text) = try? self.snapshot.value(forKey: path, type: .string).value?.content {
            guard key.isList else { return [text] }
            return text.split(separator: ",", omittingEmptySubsequences: false).map { $0.trimmingCharacters(in: .whitespaces) }
        }
        guard case .stringArray(let texts) = try? self.snapshot.value(forKey: path, type: .stringArray).value?.content else {
            return []
        }
        return texts
    }

    /// The errors for keys that do not exist, each with the nearest one that does.
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
    /// Variables that ttmsctl reads: an operator's shell that has them must still be able to start the relay.
    private static let foreignVariables: Set<String> = ["TTMS_TOKEN"]

    /// The variables that begin with `TTMS_`.
    static func environment(_ environment: [String: String]) -> ConfigurationSource {
        let links = ServiceLinks.names(in: environment)
        let variables = environment.filter { name, _ in
            name.hasPrefix(Self.variablePrefix) && !Self.foreignVariables.contains(name) && !links.contains(name)
        }
        let places = variables.keys.map { name in
            let key = name.dropFirst(Self.variablePrefix.count)
            // A variable in mixed case is not ours, and must not look as if it were.
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
