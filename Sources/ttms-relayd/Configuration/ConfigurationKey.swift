/// One key of the configuration: what it is called, what it may be, and which field of ``RelayConfiguration`` it sets.
///
/// Keys are made by the functions of ConfigurationKinds.swift, one for each kind of value.
struct ConfigurationKey: Sendable {
    /// Lower-case words joined by `_`: the key in a file, and, upper-case behind `TTMS_`, the environment variable.
    let name: String
    /// What may be written; goes on after "Allowed: ".
    let allowed: String
    /// What the key does, in a sentence without its full stop.
    let help: String
    /// Whether it takes several values.
    let isList: Bool
    /// Whether another value can come in force while the relay runs.
    var isReloadable = false
    /// Whether nobody may see the value.
    var isSecret = false
    /// Reads what was written, several texts for a list, into the field.
    let read: @Sendable ([String], inout RelayConfiguration) throws(InvalidValue) -> Void
    /// The field as it would be written.
    let show: @Sendable (RelayConfiguration) -> String

    /// The same key, whose value can change while the relay runs.
    var reloadable: ConfigurationKey {
        var key = self
        key.isReloadable = true
        return key
    }

    /// The key's value and place in `configuration` as they may be seen.
    func entry(in configuration: RelayConfiguration, place: ConfigurationPlace) -> RelayConfiguration.Entry {
        let value = self.isSecret ? (place == .default ? "" : "(set)") : self.show(configuration)
        return RelayConfiguration.Entry(key: self.name, value: value, place: self.redacted(place))
    }

    /// What is said of a wrong value.
    func error(_ problem: InvalidValue, place: ConfigurationPlace) -> ConfigurationError {
        ConfigurationError(
            key: self.name,
            place: self.redacted(place),
            problem: self.isSecret ? "its value is not allowed" : problem.problem,
            allowed: self.allowed
        )
    }

    /// A command line shows the value, too.
    private func redacted(_ place: ConfigurationPlace) -> ConfigurationPlace {
        guard self.isSecret, case .commandLine = place else { return place }
        return .commandLine("--set \(self.name)=…")
    }

    /// The default as it would be written.
    var defaultValue: String { self.show(RelayConfiguration()) }
}

/// Why a text is not a value of its key.
struct InvalidValue: Error, Equatable, Sendable {
    /// What is wrong with it.
    var problem: String

    /// Makes the error that says `problem`.
    init(_ problem: String) {
        self.problem = problem
    }

    /// Makes the error for a text that is no value of its key, or not one of its range.
    init(text: String) {
        self.init("\"\(text)\" is not allowed")
    }
}
