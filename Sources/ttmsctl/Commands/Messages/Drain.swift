import AdminAPI
import ArgumentParser

/// Stops a relay, and waits until it has ended.
struct Drain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Stop the relay, with everything that is not delivered on disk.",
        discussion: """
            As SIGTERM does. Returns when the relay does not answer any more: its queue may then be copied or checked. A \
            supervisor may start the relay again.
            """
    )

    @Option(help: ArgumentHelp("Wait at most so long for the relay's end.", valueName: "seconds"))
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
                    "The relay still answers after \(self.wait) s. It may wait for its disk: look at its log and at /readyz."
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
