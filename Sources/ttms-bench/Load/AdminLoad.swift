import AdminAPI
import DequeModule
import Histogram
import NIOCore
import TTMSProtocol

/// Operators and monitoring beside the traffic: reads of the admin API at a fixed rate, as an open loop.
///
/// Confined to its event loop; `@unchecked Sendable` because other threads `submit` to it.
final class AdminLoad: @unchecked Sendable {
    /// The answers since the last measurement.
    struct Measurement: Sendable {
        var answered = 0
        /// Answers with another status than 200.
        var refused = 0
        /// The time from a request's due time to the end of its answer, in nanoseconds.
        var latency = Measurements.histogram()
    }

    /// The number of clients: a dashboard, a script, and two collectors of metrics.
    private static let clients = 4

    private let eventLoop: any EventLoop
    private let paths: [String]
    private var idle: [AdminClient]
    private var all: [AdminClient]
    private var waiting: Deque<UInt64> = []
    private var schedule: Schedule?
    private var next: UInt64 = 0
    private var requested = 0
    private var measurement = Measurement()
    private var failure: (any Error)?

    /// Connects.
    ///
    /// - Parameter terminal: an existing terminal, whose resources are requested.
    static func connect(_ endpoint: AdminEndpoint, terminal: CCID, on eventLoop: any EventLoop) async throws -> AdminLoad {
        var clients: [AdminClient] = []
        for _ in 0..<Self.clients { clients.append(try await AdminClient.connect(endpoint, on: eventLoop)) }
        return AdminLoad(clients, terminal: terminal, on: eventLoop)
    }

    private init(_ clients: [AdminClient], terminal: CCID, on eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        self.idle = clients
        self.all = clients
        self.paths = [
            RoutePath.status.rawValue,
            RoutePath.terminals.rawValue + "?limit=100",
            RoutePath.terminal.path(terminal.description),
            RoutePath.metrics.rawValue,
            RoutePath.terminalMessages.path(terminal.description) + "?limit=100",
            RoutePath.readyz.rawValue,
        ]
    }

    /// Begins to send `rate` requests per second.
    func start(rate: Int) async throws {
        try await self.eventLoop.submit {
            self.schedule = Schedule(start: LoadClock.now, frames: UInt64(max(rate, 1)))
            self.sendDue()
        }.get()
    }

    /// Returns the measurement since the last call.
    func take() async throws -> Measurement {
        try await self.eventLoop.submit {
            if let failure = self.failure { throw failure }
            defer { self.measurement = Measurement() }
            return self.measurement
        }.get()
    }

    /// Stops the requests, and closes the connections.
    func stop() async throws {
        try await self.eventLoop.submit { self.schedule = nil }.get()
        for client in self.all { try? await client.close().get() }
    }

    private func sendDue() {
        guard let schedule, self.failure == nil else { return }
        let due = schedule.due(at: LoadClock.now)
        while self.next < due {
            self.waiting.append(schedule.time(of: self.next))
            self.next += 1
        }
        self.sendWaiting()
        let time = schedule.time(of: self.next)
        let now = LoadClock.now
        self.eventLoop.scheduleTask(in: .nanoseconds(time > now ? Int64(clamping: time - now) : 0)) { self.sendDue() }
    }

    private func sendWaiting() {
        while let client = self.idle.popLast() {
            guard let due = self.waiting.popFirst() else {
                self.idle.append(client)
                return
            }
            let path = self.paths[self.requested % self.paths.count]
            self.requested += 1
            client.get(path).whenComplete { result in
                switch result {
                case .success(let answer):
                    self.measurement.answered += 1
                    if answer.status != 200 { self.measurement.refused += 1 }
                    self.measurement.latency.record(from: due, to: LoadClock.now)
                    self.idle.append(client)
                    self.sendWaiting()
                case .failure(let error):
                    // ``stop()`` closes connections whose request is open; that is no failure.
                    if self.schedule != nil { self.failure = error }
                }
            }
        }
    }
}
