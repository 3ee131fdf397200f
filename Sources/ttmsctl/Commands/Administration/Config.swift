import AdminAPI
import ArgumentParser
import Foundation

/// Shows, checks and reloads the running relay's configuration.
struct Config: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show, check and reload the configuration of a running relay.",
        subcommands: [Show.self, Validate.self, Reload.self]
    )

    /// Shows the settings in force.
    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show every setting in force and its source.",
            discussion: """
                PENDING is the value in the configuration that was read last, if it takes effect only at a restart. If the latest \
                reload was refused, the table is followed by its errors on standard error; for JSON, see GET /api/v1/config.
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
            Console.writeError(
                """
                The relay refused its reload at \(refused.at): the settings above are the former ones.
                \(Config.lines(refused.errors).joined(separator: "\n"))
                """
            )
        }
    }

    /// Checks a configuration file.
    struct Validate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check a configuration file as the running relay would read it. Changes nothing.",
            discussion: "The relay's own environment and command line apply. The exit code is 1 if the file is wrong."
        )

        @Argument(help: "The file; - for standard input.")
        var file: String

        @OptionGroup var relay: RelayOptions

        /// Bytes of a file at most; a relay accepts fewer.
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

    /// Has the relay read its configuration again.
    struct Reload: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Have the relay read its configuration and the file admin.token again, as at SIGHUP.",
            discussion: """
                A wrong configuration changes nothing. After admin.token was deleted or replaced, this command needs the \
                former token (TTMS_TOKEN); SIGHUP needs none.
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

    /// The time of the changes: `future` for a check, `past` for a reload.
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
