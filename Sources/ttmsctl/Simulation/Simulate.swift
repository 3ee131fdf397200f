import AdminAPI
import ArgumentParser
import Foundation
import TTMSProtocol
import UnixSignals

/// Simulates a terminal.
struct Simulate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Simulate a terminal: connect, register, send, and print all that it receives.",
        discussion: """
            It runs until Ctrl-C, until the relay closes the connection (exit code 1), or until --receive or --for ends it. \
            With both of these, the exit code is 1 if the time is over before the frames have arrived.
            """
    )

    @Argument(help: .ccid("The terminal to simulate"))
    var ccid: CCID

    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp("Send TEXT to the terminal TO, once registered. Can be given several times.", valueName: "to text")
    )
    var send: [String] = []

    @Option(help: ArgumentHelp("Seconds between two heartbeats; 0 for only the first.", valueName: "seconds"))
    var heartbeat = 30.0

    @Option(help: ArgumentHelp("End after this number of data frames has arrived.", valueName: "frames"))
    var receive: Int?

    @Option(name: .customLong("for"), help: ArgumentHelp("End after this time.", valueName: "seconds"))
    var lifetime: Double?

    @Option(help: ArgumentHelp("The address to connect to. (default: the first listener of the relay)", valueName: "host:port"))
    var address: String?

    @OptionGroup var relay: RelayOptions

    func validate() throws {
        guard self.send.count.isMultiple(of: 2) else {
            throw ValidationError("--send takes a CCID and a text; put a text of several words in quotes.")
        }
        _ = try self.messages()
        // A year, well below the overflow of a duration.
        for seconds in [self.heartbeat, self.lifetime ?? 0] where !(0...31_622_400).contains(seconds) {
            throw ValidationError("--heartbeat and --for take 0 to 31622400 seconds.")
        }
        if let receive = self.receive, receive < 1 { throw ValidationError("--receive takes 1 or more.") }
        if let address = self.address, Self.parts(address) == nil {
            throw ValidationError("--address takes HOST:PORT, such as 127.0.0.1:7222 or [::1]:7222.")
        }
    }

    func run() async throws {
        let (host, port) = try self.target()
        Console.endWithReader()
        let format = self.relay.output
        let terminal = SimulatedTerminal(
            ccid: self.ccid,
            messages: try self.messages(),
            heartbeat: self.heartbeat > 0 ? .seconds(self.heartbeat) : nil,
            receive: self.receive,
            lifetime: self.lifetime.map { .seconds($0) }
        )
        let ending = try await withThrowingTaskGroup(of: SimulatedTerminal.Ending?.self) { group in
            let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
            group.addTask {
                for await _ in signals { return nil }
                throw CancellationError()
            }
            group.addTask {
                try await terminal.run(host: host, port: port) { try $0.print(format) }
            }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
        switch ending {
        case nil: try SimulationEvent(.ended, detail: "interrupted").print(format)
        case .receivedAll: try SimulationEvent(.ended, detail: "all frames received").print(format)
        case .timeIsUp:
            try SimulationEvent(.ended, detail: "the time is over").print(format)
            guard self.receive == nil else {
                throw Failure(.refused, "The time was over before \(self.receive ?? 0) data frames had arrived.")
            }
        case .closed, .rejected:
            let reason = ending == .rejected ? self.rejection : await self.closeReason()
            try SimulationEvent(.closed, detail: reason).print(format)
            throw Failure(.refused, "The simulation ended because the relay closed the connection.")
        }
    }

    private func messages() throws -> [SimulatedTerminal.Outgoing] {
        try stride(from: 0, to: self.send.count - 1, by: 2).map { index in
            guard let destination = CCID(self.send[index]) else {
                throw ValidationError("--send takes a CCID, 8 hex digits, and a text; \"\(self.send[index])\" is no CCID.")
            }
            let payload = Array(self.send[index + 1].utf8)
            guard payload.count <= Frame.maximumSize - Frame.minimumSize else {
                throw ValidationError("A text for --send has at most \(Frame.maximumSize - Frame.minimumSize) bytes.")
            }
            return SimulatedTerminal.Outgoing(destination: destination, payload: payload)
        }
    }

    private func target() throws(Failure) -> (host: String, port: Int) {
        if let address = self.address, let parts = Self.parts(address) { return parts }
        guard self.relay.url == nil else {
            throw Failure(.usage, "--url is the address of the admin API, not that for terminals. Give --address HOST:PORT.")
        }
        let directory = RelayLocation.dataDirectory(self.relay.dataDirectory, environment: ProcessInfo.processInfo.environment)
        guard let parts = try RelayLocation.endpoints(in: directory).terminals.first.flatMap(Self.parts) else {
            throw Failure(.notUnderstood, "The relay does not publish an address for terminals. Give --address HOST:PORT.")
        }
        return (RelayLocation.reachable(host: parts.host), parts.port)
    }

    static func parts(_ address: String) -> (host: String, port: Int)? {
        guard let colon = address.lastIndex(of: ":"), let port = UInt16(address[address.index(after: colon)...]), port > 0
        else {
            return nil
        }
        var host = address[..<colon]
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        if isBracketed { host = host.dropFirst().dropLast() }
        guard !host.isEmpty, isBracketed == host.contains(":") else { return nil }
        return (String(host), Int(port))
    }

    /// The possible reasons why a connection never registered. The relay does not record them with the terminal, which it has
    /// not seen on that connection.
    private var rejection: String {
        """
        it had not registered. An operator may have blocked \(self.ccid) or this address (ttmsctl blocks), or a limit may be \
        reached: see ttmsctl connections --state closed.
        """
    }

    /// The relay's own close reason if its admin API answers; the possible reasons otherwise.
    private func closeReason() async -> String {
        if let client = try? self.relay.client(),
            let terminal = try? await client.get(TerminalResource.self, RoutePath.terminal.path(self.ccid.description)),
            let reason = terminal.lastCloseReason
        {
            return "\(reason)."
        }
        return """
            its reason is not known here. Another connection may have registered \(self.ccid) (superseded), an operator may \
            have closed it (kicked), a limit may be reached, or the relay may have stopped: see its log.
            """
    }
}
