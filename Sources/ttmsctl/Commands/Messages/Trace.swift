import AdminAPI
import ArgumentParser
import TTMSProtocol

/// Whether all messages for a terminal are traced.
struct Trace: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Have all messages for a terminal traced for some time, or see whether they are.",
        discussion: """
            Messages from operators always are. While a terminal is traced, those of other terminals to it are too: they can be \
            shown by their ids with every state and its time (ttmsctl message), and events tell of each. They take a way over the \
            disk meanwhile, so they arrive some milliseconds later. Without options it tells whether the terminal is traced.
            """
    )

    @Argument(help: .ccid("The terminal"))
    var ccid: CCID

    @Option(name: .customLong("for"), help: ArgumentHelp("Trace for so long: 90s, 1h or at most 7d.", valueName: "time"))
    var duration: TimeToLive?

    @Option(help: ArgumentHelp("Messages at the most. (default: \(TraceRequest.defaultFrames))", valueName: "number"))
    var frames: UInt32?

    @Flag(help: "End it now.")
    var off = false

    @OptionGroup var relay: RelayOptions

    func validate() throws {
        if let seconds = self.duration?.seconds, !TraceRequest.seconds.contains(seconds) {
            throw ValidationError("--for takes 1s to 7d.")
        }
        if let frames = self.frames, !TraceRequest.frameCounts.contains(frames) {
            throw ValidationError("--frames takes 1 to \(TraceRequest.frameCounts.upperBound).")
        }
        guard self.duration == nil || !self.off else { throw ValidationError("Give --for or --off, not both.") }
        guard self.frames == nil || self.duration != nil else { throw ValidationError("--frames goes with --for.") }
    }

    func run() async throws {
        let client = try self.relay.client()
        let path = RoutePath.terminalTrace.path(self.ccid.description)
        let trace: TraceResource
        if let duration = self.duration {
            let body = TraceRequest(forSeconds: duration.seconds, frames: self.frames)
            trace = try await client.put(TraceResource.self, path, body: body)
        } else {
            if self.off { try await client.delete(path) }
            trace = try await client.get(TraceResource.self, path)
        }
        switch self.relay.output {
        case .json: try Console.write(json: trace)
        case .table: Console.write(Self.line(trace))
        }
    }

    static func line(_ trace: TraceResource) -> String {
        guard trace.tracing, let until = trace.until else { return "\(trace.ccid) is not traced" }
        return "\(trace.ccid) is traced until \(until), for \(trace.remainingFrames ?? 0) more messages at the most"
    }
}
