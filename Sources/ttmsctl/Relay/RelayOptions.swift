import ArgumentParser
import Foundation

/// The options of every command: the relay, and the output format.
struct RelayOptions: ParsableArguments {
    @Option(help: "The output format: a table for people, or the API's JSON for programs.")
    var output = OutputFormat.table

    @Option(
        name: .customLong("data-dir"),
        help: ArgumentHelp(
            "The data directory of a relay on this machine. (default: $TTMS_DATA_DIR, $STATE_DIRECTORY, or ./data)",
            valueName: "dir"
        )
    )
    var dataDirectory: String?

    @Option(help: ArgumentHelp("The admin API of a relay elsewhere, such as http://192.0.2.1:7280.", valueName: "url"))
    var url: String?

    @Option(
        help: ArgumentHelp(
            """
            The file or pipe with the token; - is standard input. (default: $TTMS_TOKEN; without it and --url, admin.token in the \
            data directory)
            """,
            valueName: "file"
        )
    )
    var tokenFile: String?

    /// Refuses options that contradict each other.
    func validate() throws {
        if self.url != nil, self.dataDirectory != nil {
            throw ValidationError("--url and --data-dir name two relays; give one of them.")
        }
    }

    /// The token that was given by an option or the environment.
    ///
    /// Reads a pipe to its end, so it must be called only once.
    func givenToken() throws(Failure) -> AccessToken? {
        try AccessToken.given(file: self.tokenFile, environment: ProcessInfo.processInfo.environment)
    }

    /// The admin API of the relay that the options name.
    func client() throws(Failure) -> AdminClient {
        try self.client(token: self.givenToken())
    }

    /// The admin API of the relay that the options name, found anew by each call.
    ///
    /// - Parameter token: the result of ``givenToken()``.
    func client(token: AccessToken?) throws(Failure) -> AdminClient {
        AdminClient(location: try RelayLocation.find(self, environment: ProcessInfo.processInfo.environment, token: token))
    }
}
