/// One key of the configuration: its name, its allowed values, and the field of ``RelayConfiguration`` that it sets.
///
/// Keys are made by the functions of ConfigurationKinds.swift, one for each kind of value.
struct ConfigurationKey: Sendable {
    /// Lower-case words joined by `_`: the key in a file, and, in capitals after `TTMS_`, the environment variable.
    let name: String
    /// The allowed values; continues the text after "Allowed: ".
    let allowed: String
    /// The meaning of the key, in a sentence without its full stop.
    let help: String
    /// Whether the key has several values.
    let isList: Bool
    /// Whether a reload can change the value.
    var isReloadable = false
    /// Whether the value is secret.
    var isSecret = false
    /// Reads the texts of the value, several for a list, into the field.
    let read: @Sendable ([String], inout RelayConfiguration) throws(InvalidValue) -> Void
    /// The value of the field, as a file would contain it.
    let show: @Sendable (RelayConfiguration) -> String

    /// The same key, whose value a reload can change.
    var reloadable: ConfigurationKey {
        var key = self
        key.isReloadable = true
        return key
    }

    /// The key's value and place in `configuration`, with secrets redacted.
    func entry(in configuration: RelayConfiguration, place: ConfigurationPlace) -> RelayConfiguration.Entry {
        let value = self.isSecret ? (place == .default ? "" : "(set)") : self.show(configuration)
        return RelayConfiguration.Entry(key: self.name, value: value, place: self.redacted(place))
    }

    /// The error for a wrong value.
    func error(_ problem: InvalidValue, place: ConfigurationPlace) -> ConfigurationError {
        ConfigurationError(
            key: self.name,
            place: self.redacted(place),
            problem: self.isSecret ? "its value is not allowed" : problem.problem,
            allowed: self.allowed
        )
    }

    /// Redacts a place: the text of a command-line option contains the value, too.
    private func redacted(_ place: ConfigurationPlace) -> ConfigurationPlace {
        guard self.isSecret, case .commandLine = place else { return place }
        return .commandLine("--set \(self.name)=…")
    }

    /// The default value, as a file would contain it.
    var defaultValue: String { self.show(RelayConfiguration()) }
}

/// The reason why a text is not a value of its key.
struct InvalidValue: Error, Equatable, Sendable {
    /// The problem of the text.
    var problem: String

    /// Makes the error with this problem.
    init(_ problem: String) {
        self.problem = problem
    }

    /// Makes the error for a text that is no value of its key, or not in its range.
    init(text: String) {
        self.init("\"\(text)\" is not allowed")
    }
}
