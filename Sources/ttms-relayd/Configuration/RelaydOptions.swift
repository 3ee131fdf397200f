import ArgumentParser

/// The command line of ttms-relayd: options for what is set most often, `--set` for every other key.
struct RelaydOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Read settings from this YAML file.", valueName: "file"))
    var config: String?

    @Option(help: ArgumentHelp("Where terminals connect. Can be given several times.", valueName: "address:port"))
    var listen: [String] = []

    @Option(help: ArgumentHelp("Where the admin API is.", valueName: "address:port"))
    var admin: String?

    @Option(
        name: .customLong("data-dir"),
        help: ArgumentHelp("The directory of the queue and the admin token.", valueName: "dir")
    )
    var dataDirectory: String?

    @Option(help: ArgumentHelp("Set any key of the configuration. Can be given several times.", valueName: "key=value"))
    var set: [String] = []

    @Flag(help: "Check the configuration, print what is in force, and exit.")
    var checkConfig = false

    /// The exit code for a wrong configuration, EX_CONFIG of sysexits.h: a supervisor need not try again.
    static let configurationExitCode = ExitCode(78)
}
