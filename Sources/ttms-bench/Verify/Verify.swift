import ArgumentParser
import TTMSProtocol

/// Checks the relay: terminals send numbered payloads to each other at random, and every payload is accounted for.
struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Send numbered payloads between terminals, and account for every one.",
        discussion: """
            Each payload has its run, source, destination, a counter for that pair, its length, a fill and a CRC. At the end, the \
            payloads that were lost, duplicated, out of order, at the wrong terminal or damaged are reported, and any of them \
            makes the exit code 1.

            With --reconnect-every, terminals leave and reconnect, so that frames are queued and drained. A terminal leaves in \
            order: it waits for the receipt of its last heartbeat, sends its FIN, and reads until the relay closes. Payloads that \
            the relay sends again on the next connection count as redelivered, which is no fault: the relay could not know that \
            they had arrived.

            Ctrl-C ends the sending; the payloads sent until then are accounted for. A second Ctrl-C ends the run at once.
            """
    )

    @Option(help: "The relay's address for terminals: an IPv4 address and a port, or an IPv6 address in brackets.")
    var address: SocketAddress = SocketAddress(host: "127.0.0.1", port: 7222)

    @Option(help: "The number of terminals, 2...1000.")
    var terminals = 200

    @Option(help: "Payloads of all terminals, 1...10000000.")
    var frames = 100_000

    @Option(help: "The largest payload in bytes, 36...65522.")
    var payload = 200

    @Option(help: "The seed of the random choices; 0 for another run each time.")
    var seed: UInt64 = 0

    @Option(help: "Received payloads after which a terminal leaves, on average; it reconnects later. 0 for never.")
    var reconnectEvery = 0

    @Flag(help: "The relay may close connections: payloads without receipt may then be lost, and count as uncertain.")
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
