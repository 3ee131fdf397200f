/// Where a setting was made.
enum ConfigurationPlace: Equatable, Sendable {
    /// Nowhere: it has its default.
    case `default`
    /// In the configuration file; `line` counts from 1, and is `nil` where the file as a whole is meant.
    case file(path: String, line: Int?)
    /// In this environment variable.
    case environment(String)
    /// By this command-line option, as it was written.
    case commandLine(String)
}

extension ConfigurationPlace: CustomStringConvertible {
    /// As an editor or a shell shows it.
    var description: String {
        switch self {
        case .default: "default"
        case .file(let path, let line): line.map { "\(path):\($0)" } ?? path
        case .environment(let name): "environment variable \(name)"
        case .commandLine(let option): "command line, \(option)"
        }
    }
}

/// One wrong key or value: its name, its place, what is wrong, and what is allowed instead.
struct ConfigurationError: Error, Equatable, Sendable {
    /// The key as it was written; empty when a source as a whole could not be read.
    var key: String
    /// Where it stands.
    var place: ConfigurationPlace
    /// What is wrong; goes on after "key: ".
    var problem: String
    /// What is allowed; goes on after "Allowed: ".
    var allowed: String
}

extension ConfigurationError: CustomStringConvertible {
    /// One line.
    var description: String {
        let subject = self.key.isEmpty ? "" : "\(self.key): "
        return "\(self.place): \(subject)\(self.problem). Allowed: \(self.allowed)."
    }
}

/// Everything that is wrong with a configuration.
struct ConfigurationErrors: Error, Equatable, Sendable {
    /// At least one.
    var errors: [ConfigurationError]
}

extension ConfigurationErrors: CustomStringConvertible {
    /// A heading, a line for each error, and what to do.
    var description: String {
        let count = self.errors.count == 1 ? "1 error" : "\(self.errors.count) errors"
        return """
            The configuration has \(count):
            \(self.errors.map { "  \($0)" }.joined(separator: "\n"))
            Correct this, and check it with `ttms-relayd --check-config`.
            """
    }
}
