/// The source of a setting.
enum ConfigurationPlace: Equatable, Sendable {
    /// No source: the setting has its default.
    case `default`
    /// The configuration file; `line` counts from 1, and is `nil` for the file as a whole.
    case file(path: String, line: Int?)
    /// An environment variable.
    case environment(String)
    /// A command-line option, as it was written.
    case commandLine(String)
}

extension ConfigurationPlace: CustomStringConvertible {
    /// The place in a form that editors and shells use.
    var description: String {
        switch self {
        case .default: "default"
        case .file(let path, let line): line.map { "\(path):\($0)" } ?? path
        case .environment(let name): "environment variable \(name)"
        case .commandLine(let option): "command line, \(option)"
        }
    }
}

/// One wrong key or value: its name, its place, the problem, and the allowed values.
struct ConfigurationError: Error, Equatable, Sendable {
    /// The key as it was written; empty when a source as a whole could not be read.
    var key: String
    /// The place of the key.
    var place: ConfigurationPlace
    /// The problem; continues the text after "key: ".
    var problem: String
    /// The allowed values; continues the text after "Allowed: ".
    var allowed: String
}

extension ConfigurationError: CustomStringConvertible {
    /// The error in one line.
    var description: String {
        let subject = self.key.isEmpty ? "" : "\(self.key): "
        return "\(self.place): \(subject)\(self.problem). Allowed: \(self.allowed)."
    }
}

/// All errors of a configuration.
struct ConfigurationErrors: Error, Equatable, Sendable {
    /// The errors, at least one.
    var errors: [ConfigurationError]
}

extension ConfigurationErrors: CustomStringConvertible {
    /// A heading, a line for each error, and a remedy.
    var description: String {
        let count = self.errors.count == 1 ? "1 error" : "\(self.errors.count) errors"
        return """
            The configuration has \(count):
            \(self.errors.map { "  \($0)" }.joined(separator: "\n"))
            Correct this, and check it with `ttms-relayd --check-config`.
            """
    }
}
