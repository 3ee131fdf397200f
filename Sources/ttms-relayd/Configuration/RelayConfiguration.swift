import Foundation
import Logging
import NIOCore
import RelayAdmin
import RelayCore
import TTMSProtocol

/// Everything that an operator can set, as one value: made from a YAML file, the environment and the command line, of which
/// the later wins. What is not set has its default.
///
/// ``ConfigurationTable`` says which keys there are; nothing else knows their names.
struct RelayConfiguration: Equatable, Sendable {
    /// One setting as it is in force.
    struct Entry: Equatable, Sendable {
        /// The key's name.
        var key: String
        /// The value as it would be written in a file.
        var value: String
        /// Where it was set.
        var place: ConfigurationPlace
    }

    /// Where terminals connect.
    var listeners = [
        ListenerSetting(Endpoint(host: "0.0.0.0", port: 7222)), ListenerSetting(Endpoint(host: "::", port: 7222)),
    ]
    /// How terminals are treated; its listeners follow from those above.
    var server = ServerOptions(listeners: [])
    /// What is kept for terminals that are away.
    var storeLimits = StoreLimits()
    /// Where the admin API listens.
    var admin = Endpoint(host: "127.0.0.1", port: 7280)
    /// Bytes of the audit log.
    var auditLimit = 64 << 20
    /// The directory that holds the queue, the admin token and `endpoints.json`.
    var dataDirectory = "./data"
    /// What a stop may take in all.
    var stopTimeout = TimeAmount.seconds(8)
    /// What is logged: messages of this level and those above it.
    var logLevel = Logger.Level.info
    /// What listeners force that do not name a dialect of their own; `nil` to learn.
    var dialect: LengthDialect?
    /// What counts as delivered on listeners that do not say it themselves.
    var confirm = Confirmation.acknowledged
    /// Whether heartbeats are receipts on listeners that do not say it themselves.
    var givesReceipts = true
    /// Every key in the order of the table, with its value and where it was set; of a secret, only that it is.
    private(set) var redactedEntries: [Entry] = []
    /// What the file held that `--config` names; `nil` without one.
    private(set) var text: ConfigurationText?

    /// The defaults.
    init() {}

    /// ``stopTimeout``, for what does not know event loops.
    var stopPatience: Duration { .nanoseconds(self.stopTimeout.nanoseconds) }

    /// Reads the configuration from its three sources, and checks all of it.
    ///
    /// - Parameters:
    ///   - options: the command line.
    ///   - environment: the process's environment.
    ///   - given: what the file holds that the command line names; `nil` to read it.
    ///   - file: what to read instead of that file.
    /// - Throws: every error that there is, not only the first one.
    static func load(
        options: RelaydOptions,
        environment: [String: String] = ProcessInfo.processInfo.environment,
        text given: ConfigurationText? = nil,
        file: [UInt8]? = nil
    ) throws(ConfigurationErrors) -> RelayConfiguration {
        var errors: [ConfigurationError] = []
        // The weakest first.
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
                    // Read even when a stronger source sets the key too: a wrong value that is hidden today is in force when
                    // that source is gone.
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

    /// Whether the file sets anything that is in force.
    var readsSomething: Bool {
        self.redactedEntries.contains { entry in
            if case .file = entry.place { return true }
            return false
        }
    }

    /// Whether terminals connect where they do by default, and nobody has chosen that.
    var listensByDefault: Bool { self.redactedEntries.first { $0.key == "listen" }?.place == .default }

    /// What `--check-config` prints: that the configuration is valid, and every key in force with its place.
    var report: String {
        let keyWidth = self.redactedEntries.map(\.key.count).max() ?? 0
        let valueWidth = self.redactedEntries.map(\.value.count).max() ?? 0
        let lines = self.redactedEntries.map { entry in
            "\(entry.key.padded(to: keyWidth))  \(entry.value.padded(to: valueWidth))  \(entry.place)"
        }
        return (["configuration is valid"] + lines).joined(separator: "\n")
    }

    /// systemd may name several directories, parted by colons; the first is ours.
    private static func stateDirectory(_ environment: [String: String]) -> String? {
        environment["STATE_DIRECTORY"]?.split(separator: ":").first.map(String.init)
    }

    /// Values that are each allowed, but not together.
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
    /// What goes for the admin API, which keeps its files in `directory`.
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
