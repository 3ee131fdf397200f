import ArgumentParser
import TTMSProtocol

/// Terminals send numbered payloads to each other at random, and every one is accounted for on the other side.
struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Let terminals send numbered payloads to each other, and account for every one.",
        discussion: """
            Each payload carries its run, source, destination, a counter for that pair, its length, a fill and a CRC. Afterwards \
            the payloads that were lost, doubled, out of order, at the wrong terminal or damaged are reported, and any of them \
            makes the exit code 1.

            With --reconnect-every terminals leave and come back, so that frames are cached and drained. A terminal leaves in \
            order: it waits for the receipt of its last heartbeat, says that it sends no more, and reads until the relay closes. \
            What the relay sends again on the next connection is counted as redelivered, and is no fault: it could not know \
            that the bytes had arrived.

            Ctrl-C ends the sending; what was sent is then accounted for. A second one ends the run at once.
            """
    )

    @Option(help: "Where the relay's terminals connect: an IPv4 address and a port, or an IPv6 address in brackets.")
    var address: SocketAddress = SocketAddress(host: "127.0.0.1", port: 7222)

    @Option(help: "Simulated terminals, 2...1000.")
    var terminals = 200

    @Option(help: "Payloads that they send in all, 1...10000000.")
    var frames = 100_000

    @Option(help: "The largest payload in bytes, 36...65522.")
    var payload = 200

    @Option(help: "Decides who sends what to whom; 0 for another run each time.")
    var seed: UInt64 = 0

    @Option(help: "A terminal leaves after receiving about so many payloads, and comes back later; 0 for never.")
    var reconnectEvery = 0

    @Flag(help: "The relay may close connections: what was sent without receipt then may be lost, and is counted as uncertain.")
    var tolerateRestarts = false

    @Option(help: "The CCID of the first terminal; the others follow.")
    var firstCCID: CCID = CCID(rawValue: 0x1000_0000)

    @Option(help: "Seconds without progress after which the run is given up.")
    var patience = 20

    func validate() throws {
        guard (2...1_000).contains(self.terminals) else { throw ValidationError("--terminals has to be 2...1000.") }
        guard (1...10_000_000).contains(self.frames) else { throw ValidationError("--frames has to be 1...10000000.") }
        guard (NumberedPayload.minimumSize...65_522).contains(self.payload) else {
            throw ValidationError("--payload has to be \(NumberedPayload.minimumSize)...65522.")
        }
        guard self.reconnectEvery >= 0 else { throw ValidationError("--reconnect-every has to be 0 or more.") }
        guard (1...3_600).contains(self.patience) else { throw ValidationError("--patience has to be 1...3600.") }
        guard self.firstCCID.rawValue <= UInt32.max - UInt32(self.terminals) else {
            throw ValidationError("--first-ccid leaves no room for \(self.terminals) terminals.")
        }
    }

    func run() throws {
        let plan = Plan(
            address: self.address,
            terminals: self.terminals,
            frames: self.frames,
            largestPayload: self.payload,
            seed: self.seed == 0 ? UInt64.random(in: 1...UInt64.max) : self.seed,
            reconnectEvery: self.reconnectEvery,
            toleratesRestarts: self.tolerateRestarts,
            firstCCID: self.firstCCID,
            patience: .seconds(self.patience)
        )
        var exercise = Exercise(plan)
        let report = try exercise.run()
        print(report)
        if !report.isClean { throw ExitCode.failure }
    }
}

extension CCID: ExpressibleByArgument {
    /// Reads eight hex digits.
    public init?(argument: String) {
        self.init(argument)
    }
}
