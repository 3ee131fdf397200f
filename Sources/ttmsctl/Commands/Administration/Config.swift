import AdminAPI
import ArgumentParser
import Foundation

/// The running relay's configuration.
struct Config: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show, check and reload the configuration of a running relay.",
        subcommands: [Show.self, Validate.self, Reload.self]
    )

    /// What is in force.
    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show every setting in force, and where it was set.",
            discussion: """
                PENDING is what the configuration said when it was read last, where that waits for a restart. Where the latest reload \
                was refused, standard error says what is wrong (in a table; of JSON, see GET /api/v1/config).
                """
        )

        @OptionGroup var relay: RelayOptions

        func run() async throws {
            var printer = ListPrinter<SettingResource>(
                self.relay.output,
                columns: [("KEY", .left), ("VALUE", .left), ("SOURCE", .left), ("RELOADABLE", .left), ("PENDING", .left)]
            ) { setting in
                [
                    setting.key, setting.value, setting.source, setting.reloadable ? "yes" : "no", setting.pendingValue ?? "",
                ]
            }
            let list = try await self.relay.client().get(SettingList.self, RoutePath.config.path())
            try printer.print(list.data)
            printer.finish()
            guard let refused = list.refusedReload, self.relay.output == .table else { return }
            Console.complain(
                """
                At \(refused.at) the relay was to read its configuration again, and refused: the settings above are the former ones.
                \(Config.lines(refused.errors).joined(separator: "\n"))
                """
            )
        }
    }

    /// What would be in force.
    struct Validate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check a configuration file as the running relay would read it. Changes nothing.",
            discussion: "With the relay's own environment and command line. Exit code 1 when the file is wrong."
        )

        @Argument(help: "The file; - for standard input.")
        var file: String

        @OptionGroup var relay: RelayOptions

        /// Bytes of a file: more than a relay takes.
        private static let largestFile = 16 << 20

        func run() async throws {
            let data = Data(try InputFile(path: self.file).contentsToSend(limit: Self.largestFile))
            let receipt = try await self.relay.client().post(
                ConfigurationReceipt.self,
                RoutePath.configValidate.path(),
                body: data,
                mediaType: "application/yaml"
            )
            switch self.relay.output {
            case .json: try Console.write(json: receipt)
            case .table: for line in Config.lines(receipt, tense: .future) { Console.write(line) }
            }
            if !receipt.valid { throw ExitCode(EndStatus.refused.rawValue) }
        }
    }

    /// Reads it again.
    struct Reload: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Have the relay read its configuration and the file admin.token again, as at SIGHUP.",
            discussion: """
                A wrong configuration changes nothing. Where admin.token was deleted or replaced, this needs the former token \
                (TTMS_TOKEN), and SIGHUP does not.
                """
        )

        @OptionGroup var relay: RelayOptions

        func run() async throws {
            let receipt = try await self.relay.client().post(ConfigurationReceipt.self, RoutePath.configReload.path())
            switch self.relay.output {
            case .json: try Console.write(json: receipt)
            case .table: for line in Config.lines(receipt, tense: .past) { Console.write(line) }
            }
        }
    }

    /// Whether the change is to come or has been.
    enum Tense {
        case future
        case past
    }

    static func lines(_ flaws: [SettingFlaw]) -> [String] {
        flaws.map { flaw in
            "\(flaw.source): \(flaw.key.isEmpty ? "" : "\(flaw.key): ")\(flaw.problem). Allowed: \(flaw.allowed)."
        }
    }

    static func lines(_ receipt: ConfigurationReceipt, tense: Tense) -> [String] {
        guard receipt.valid else { return self.lines(receipt.errors) }
        let verb = tense == .future ? "would change" : "changed"
        var lines = [tense == .future ? "the configuration is valid" : "the configuration was read again"]
        lines += receipt.changed.map { "\(verb) at once: \($0)" }
        lines += receipt.needsRestart.map { "needs a restart: \($0)" }
        return lines
    }
}
