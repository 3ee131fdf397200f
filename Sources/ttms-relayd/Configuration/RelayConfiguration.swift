import Foundation
import Logging
import NIOCore
import RelayAdmin
import RelayCore
import TTMSProtocol

/// All settings as one value. They are read from a YAML file, the environment and the command line, of which later sources have
/// precedence. Other settings have their defaults.
///
/// ``ConfigurationTable`` defines the keys; no other code has their names.
struct RelayConfiguration: Equatable, Sendable {
    /// One setting in force.
    struct Entry: Equatable, Sendable {
        /// The key's name.
        var key: String
        /// The value as a file would contain it.
        var value: String
        /// The source of the value.
        var place: ConfigurationPlace
    }

    /// The addresses on which the relay accepts terminals.
    var listeners = [
        ListenerSetting(Endpoint(host: "0.0.0.0", port: 7222)), ListenerSetting(Endpoint(host: "::", port: 7222)),
    ]
    /// The options of the server; its listeners are made from those above.
    var server = ServerOptions(listeners: [])
    /// The store's caps and times.
    var storeLimits = StoreLimits()
    /// The address of the admin API.
    var admin = Endpoint(host: "127.0.0.1", port: 7280)
    /// The largest size of the audit log in bytes.
    var auditLimit = 64 << 20
    /// The directory of the store, the admin token and `endpoints.json`.
    var dataDirectory = "./data"
    /// The longest time of a stop.
    var stopTimeout = TimeAmount.seconds(8)
    /// The least severe level that is logged.
    var logLevel = Logger.Level.info
    /// The dialect of listeners without one of their own; `nil` to learn it.
    var dialect: LengthDialect?
    /// The confirmation on listeners without a setting of their own.
    var confirm = Confirmation.acknowledged
    /// Whether heartbeats are receipts on listeners without a setting of their own.
    var givesReceipts = true
    /// All keys in the order of the table, with their values and sources; secret values are replaced.
    private(set) var redactedEntries: [Entry] = []
    /// The contents of the file that `--config` names; `nil` without one.
    private(set) var text: ConfigurationText?

    /// The defaults.
    init() {}

    /// ``stopTimeout`` as a `Duration`.
    var stopPatience: Duration { .nanoseconds(self.stopTimeout.nanoseconds) }

    /// Reads the configuration from its three sources, and checks all of it.
    ///
    /// - Parameters:
    ///   - options: the command line.
    ///   - environment: the process's environment.
    ///   - given: the contents of the file that the command line names; `nil` to read it.
    ///   - file: contents to use instead of that file.
    /// - Throws: all errors, not only the first one.
    static func load(
        options: RelaydOptions,
        environment: [String: String] = ProcessInfo.processInfo.environment,
        text given: ConfigurationText? = nil,
        file: [UInt8]? = nil
    ) throws(ConfigurationErrors) -> RelayConfiguration {
        var errors: [ConfigurationError] = []
        // The source with the least precedence first.
        var sources: [ConfigurationSource] = []
        var text: ConfigurationText?
        do {
            if let file {
                sources.append(try ConfigurationSource.yaml(Data(file), path: options.config ?? "the file"))
            } else if let path = options.config {
                let read: ConfigurationText
                if let given { read = given } else { read = try ConfigurationText(path: path) }
                text = read
                sources.append(try ConfigurationSource.yaml(Data(read.bytes), path: path))
            }
        } catch {
            errors += error.errors
        }
        sources.append(.environment(environment))
        do {
            sources.append(try ConfigurationSource.commandLine(options))
        } catch {
            errors += error.errors
        }
        for source in sources {
            errors += source.unknownKeys()
        }

        var configuration = RelayConfiguration()
        configuration.text = text
        var places: [String: ConfigurationPlace] = [:]
        if let directory = Self.stateDirectory(environment) {
            configuration.dataDirectory = directory
            places["data_dir"] = .environment("STATE_DIRECTORY")
        }
        for key in ConfigurationTable.keys {
            for source in sources {
                guard let place = source.places[key.name] else { continue }
                do {
                    // Read even when another source has precedence: a wrong value that is hidden today is in force when that
                    // source is gone.
                    try key.read(source.values(of: key), &configuration)
                    places[key.name] = place
                } catch {
                    errors.append(key.error(error, place: place))
                }
            }
        }
        errors += Self.contradictions(in: configuration, places: places)
        guard errors.isEmpty else { throw ConfigurationErrors(errors: errors) }

        configuration.server.listeners = configuration.listeners.map { [configuration] in
            $0.options(
                dialect: configuration.dialect,
                confirm: configuration.confirm,
                givesReceipts: configuration.givesReceipts
            )
        }
        configuration.redactedEntries = ConfigurationTable.keys.map { key in
            key.entry(in: configuration, place: places[key.name] ?? .default)
        }
        return configuration
    }

    /// Whether a setting in force comes from the file.
    var readsSomething: Bool {
        self.redactedEntries.contains { entry in
            if case .file = entry.place { return true }
            return false
        }
    }

    /// Whether the listeners have their default.
    var listensByDefault: Bool { self.redactedEntries.first { $0.key == "listen" }?.place == .default }

    /// The output of `--check-config`: that the configuration is valid, and all keys in force with their sources.
    var report: String {
        let keyWidth = self.redactedEntries.map(\.key.count).max() ?? 0
        let valueWidth = self.redactedEntries.map(\.value.count).max() ?? 0
        let lines = self.redactedEntries.map { entry in
            "\(entry.key.padded(to: keyWidth))  \(entry.value.padded(to: valueWidth))  \(entry.place)"
        }
        return (["configuration is valid"] + lines).joined(separator: "\n")
    }

    /// The data directory that systemd provides. It may name several directories with colons between them; the first is used.
    private static func stateDirectory(_ environment: [String: String]) -> String? {
        environment["STATE_DIRECTORY"]?.split(separator: ":").first.map(String.init)
    }

    /// The errors for values that are each allowed, but not together.
    private static func contradictions(
        in configuration: RelayConfiguration,
        places: [String: ConfigurationPlace]
    ) -> [ConfigurationError] {
        let outbound = configuration.server.outbound
        guard outbound.lowWatermark >= outbound.highWatermark else { return [] }
        let key = places["outbound_low_watermark"] == nil ? "outbound_high_watermark" : "outbound_low_watermark"
        return [
            ConfigurationError(
                key: key,
                place: places[key] ?? .default,
                problem: """
                    with it, outbound_low_watermark is \(SizeText.text(outbound.lowWatermark)) and outbound_high_watermark is \
                    \(SizeText.text(outbound.highWatermark))
                    """,
                allowed: "an outbound_low_watermark below the outbound_high_watermark"
            )
        ]
    }
}

extension RelayConfiguration {
    /// The options of the admin API, which has its files in `directory`.
    func adminOptions(directory: String) -> AdminOptions {
        var options = AdminOptions(host: self.admin.host, port: self.admin.port, directory: directory)
        options.auditLimit = self.auditLimit
        return options
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - self.count))
    }
}
