import Foundation
import TTMSProtocol
import TestKit

/// Plays a conversation against a running relay.
struct Player {
    /// What went wrong, at which step, and everything that was said until then.
    struct Failure: Error, CustomStringConvertible {
        let description: String
        /// How much later than its pauses say the step came in which a terminal was to say or to hear something.
        var lateness: Duration?

        /// Whether it came so late that it says nothing; `milliseconds` are `nil` where time is no matter.
        func isLate(by milliseconds: Int?) -> Bool {
            guard let lateness, let milliseconds else { return false }
            return lateness > .milliseconds(milliseconds)
        }
    }

    private let relay: RelayProcess
    private let begin = Self.now
    private var connections: [String: TerminalClient] = [:]
    private var transcript: [String] = []
    /// Closings that the conversation has told of since the relay's start, by reason.
    private var closings: [String: Double] = [:]

    init(relay: RelayProcess) {
        self.relay = relay
    }

    mutating func play(_ steps: [Step]) async throws {
        var due = ContinuousClock.now
        for (index, step) in steps.enumerated() {
            do {
                if case .pause(let milliseconds) = step { due += .milliseconds(milliseconds) }
                try await self.perform(step)
            } catch {
                let said = self.transcript.joined(separator: "\n")
                throw Failure(
                    description: "step \(index + 1), \(step): \(error)\n--- said until then\n\(said)",
                    lateness: step.isSaying ? due.duration(to: .now) : nil
                )
            }
        }
    }

    private mutating func perform(_ step: Step) async throws {
        switch step {
        case .connect(let name, let listener):
            self.connections[name] = try self.relay.connect(listener: listener)
            self.transcript.append("\(name) connects")
        case .send(let name, let pattern):
            let bytes = try pattern.literal()
            self.transcript.append("\(name) -> \(bytes.prefix(200).hex)")
            try self.connection(name).send(bytes)
        case .receive(let name, let pattern):
            let bytes = try self.connection(name).receive(pattern.count)
            self.transcript.append("\(name) <- \(bytes.prefix(200).hex)")
            try pattern.match(bytes, clock: self.begin...Self.now)
        case .closed(let name, let reason): try await self.expectClosed(name, reason: reason)
        case .finish(let name):
            try self.connection(name).finish()
            self.transcript.append("\(name) sends FIN")
        case .reset(let name):
            try self.connection(name).reset()
            self.transcript.append("\(name) sends RST")
        case .pause(let milliseconds): try await Task.sleep(for: .milliseconds(milliseconds))
        case .relay(let restart): try await self.restart(restart)
        case .terminal(let ccid, let fields): try await self.expect(ccid, shows: fields)
        case .metric(let name, let value): try await self.expect(metric: name, shows: value)
        case .request(let request, let json, let status): try await self.request(request, json: json, status: status)
        }
    }

    private func connection(_ name: String) throws -> TerminalClient {
        guard let connection = self.connections[name] else { throw Failure(description: "'\(name)' has not connected") }
        return connection
    }

    private mutating func restart(_ how: Step.Restart) async throws {
        switch how {
        case .restart: try await self.relay.stop()
        case .kill: try await self.relay.kill()
        }
        try await self.relay.start()
        self.closings = [:]
        self.connections = [:]
        self.transcript.append("the relay has come back after \(how)")
    }

    // MARK: Expectations

    /// The peer sees the end of the connection, and the relay has counted one more closing for this reason, and no more.
    private mutating func expectClosed(_ name: String, reason: String) async throws {
        let rest = try self.connection(name).receiveUntilClosed()
        guard rest.isEmpty else { throw Failure(description: "before it was closed, \(name) received \(rest.hex)") }
        self.transcript.append("\(name) is closed")
        self.closings[reason, default: 0] += 1
        try await self.expect(
            metric: "ttms_connections_closed_total{reason=\"\(reason)\"}",
            shows: self.closings[reason, default: 0]
        )
    }

    private func expect(metric name: String, shows value: Double) async throws {
        let admin = try self.relay.admin
        var last: [String: Double] = [:]
        do {
            try await eventually("\(name) shows \(value)") {
                last = try await admin.metrics()
                return last[name] == value ? () : nil
            }
        } catch let error as DeadlineExceeded {
            let family = name.prefix { $0 != "{" }
            let samples = last.filter { $0.key.hasPrefix(family) && $0.value != 0 }.map { "\($0.key) \($0.value)" }.sorted()
            throw Failure(description: "\(error)\n\(samples.joined(separator: "\n"))")
        }
    }

    private func expect(_ ccid: CCID, shows fields: [String: JSONValue]) async throws {
        let admin = try self.relay.admin
        var last: JSONValue?
        do {
            try await eventually("terminal \(ccid) shows \(fields)") {
                last = try await admin.terminal(ccid)
                // A terminal without connection has the field all the same, with nothing in it.
                return fields.allSatisfy { last?.at($0.key) ?? .null == $0.value } ? () : nil
            }
        } catch let error as DeadlineExceeded {
            throw Failure(description: "\(error)\ninstead: \(last?.description ?? "it is not known")")
        }
    }

    private mutating func request(_ request: String, json: JSONValue?, status: Int) async throws {
        let words = request.split(separator: " ").map(String.init)
        guard words.count == 2 else { throw Failure(description: "'\(request)' is no method and path") }
        let answer = try await self.relay.admin.request(words[0], words[1], json: json)
        self.transcript.append("\(request): \(answer.status) \(answer.text)")
        guard answer.status == status else { throw Failure(description: "\(answer.status): \(answer.text)") }
    }

    private static var now: Int64 { Int64(Date().timeIntervalSince1970 * 1_000) }
}
