import AdminAPI
import ArgumentParser

/// Stops a relay, and waits until it has ended.
struct Drain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Stop the relay, after writing everything that is not delivered to disk.",
        discussion: """
            Has the effect of SIGTERM, and returns when the relay no longer answers: its store may then be copied or checked. \
            A supervisor may start the relay again.
            """
    )

    @Option(help: ArgumentHelp("The longest wait for the relay's end.", valueName: "seconds"))
    var wait: Int = 60

    @OptionGroup var relay: RelayOptions

    func validate() throws {
        if self.wait < 1 { throw ValidationError("--wait takes 1 or more.") }
    }

    func run() async throws {
        let client = try self.relay.client()
        let receipt = try await client.post(DrainReceipt.self, RoutePath.drain.path())
        let end = ContinuousClock.now + .seconds(self.wait)
        while await client.isListening() {
            guard ContinuousClock.now < end else {
                throw Failure(
                    .refused,
                    "The relay still answers after \(self.wait) s. It may be waiting for its disk: see its log and /readyz."
                )
            }
            try await Task.sleep(for: .milliseconds(50))
        }
        switch self.relay.output {
        case .json: try Console.write(json: receipt)
        case .table: Console.write("the relay has stopped")
        }
    }
}
