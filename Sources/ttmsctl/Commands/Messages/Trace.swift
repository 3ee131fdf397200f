import AdminAPI
import ArgumentParser
import TTMSProtocol

/// Shows or changes the tracing of a terminal.
struct Trace: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Trace all messages for a terminal for some time, or show whether they are traced.",
        discussion: """
            Messages of operators are always traced. While a terminal is traced, messages of other terminals to it are, too. \
            ttmsctl message shows a traced message by its id, with every state and its time, and events report each state. \
            Traced messages pass through the store, so they arrive some milliseconds later. Without options the command shows \
            whether the terminal is traced.
            """
    )

    @Argument(help: .ccid("The terminal"))
    var ccid: CCID

    @Option(name: .customLong("for"), help: ArgumentHelp("The duration, such as 90s or 1h; at most 7d.", valueName: "time"))
    var duration: TimeToLive?

    @Option(help: ArgumentHelp("Messages to trace at most. (default: \(TraceRequest.defaultFrames))", valueName: "number"))
    var frames: UInt32?

    @Flag(help: "End tracing now.")
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
        guard self.frames == nil || self.duration != nil else { throw ValidationError("--frames needs --for.") }
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
        return "\(trace.ccid) is traced until \(until), for at most \(trace.remainingFrames ?? 0) more messages"
    }
}
