import ArgumentParser

/// The command line of ttms-relayd: options for the most frequent settings, and `--set` for all keys.
struct RelaydOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Read settings from this YAML file.", valueName: "file"))
    var config: String?

    @Option(help: ArgumentHelp("Accept terminals on this address. Can be given several times.", valueName: "address:port"))
    var listen: [String] = []

    @Option(help: ArgumentHelp("Serve the admin API on this address.", valueName: "address:port"))
    var admin: String?

    @Option(
        name: .customLong("data-dir"),
        help: ArgumentHelp("The directory of the store and the admin token.", valueName: "dir")
    )
    var dataDirectory: String?

    @Option(help: ArgumentHelp("Set any key of the configuration. Can be given several times.", valueName: "key=value"))
    var set: [String] = []

    @Flag(help: "Check the configuration, print all settings, and exit.")
    var checkConfig = false

    /// The exit code for a wrong configuration, EX_CONFIG of sysexits.h: a supervisor need not try again.
    static let configurationExitCode = ExitCode(78)
}
