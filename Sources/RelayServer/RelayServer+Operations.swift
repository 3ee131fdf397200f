import NIOCore
import RelayCore
import TTMSProtocol

extension RelayServer: RelayOperations {
    /// The release.
    public static let version = "0.1.0"

    // MARK: The relay

    /// See ``RelayOperations/status()``.
    public func status() async -> RelayStatus {
        let statistics = await self.shardStatistics()
        let (ledger, totals) = await self.ledger()
        return RelayStatus(
            version: Self.version,
            startedAt: self.startedAt,
            now: self.clock.now,
            listeners: self.state.addresses,
            eventLoops: self.shards.count,
            connections: self.limiter.count,
            terminalsOnline: statistics.reduce(0) { $0 + $1.terminalsOnline },
            ledger: ledger,
            store: totals,
            readiness: self.currentReadiness
        )
    }

    /// See ``RelayOperations/readiness()``.
    public func readiness() async -> Readiness {
        self.currentReadiness
    }

    private var currentReadiness: Readiness {
        let store: Readiness.Check =
            switch self.groupCommit.health {
            case .healthy: .init(name: "store", isPassing: true)
            case .failing(let error): .init(name: "store", isPassing: false, detail: error.message)
            case .closed: .init(name: "store", isPassing: false, detail: "The store is closed: the relay stops.")
            }
        let stops = self.state.isStopping
        let listens = self.state.isListening
        let trouble = self.acceptReport.trouble(now: .now())
        return Readiness(checks: [
            .init(
                name: "listeners",
                isPassing: listens,
                detail: listens ? "" : "The relay does not listen for terminals \(stops ? "any more" : "yet")."
            ),
            .init(name: "connections", isPassing: trouble == nil, detail: trouble ?? ""),
            store,
        ])
    }

    /// See ``RelayOperations/drain()``.
    public func drain() async {
        self.drainRequest.yield()
    }

    /// See ``RelayOperations/metrics()``.
    public func metrics() async -> [MetricFamily] {
        RelayMetrics.families(
            await self.shardStatistics(),
            self.groupCommit.statistics,
            await self.ledger().ledger,
            acceptFailures: self.acceptReport.failures,
            isReady: self.currentReadiness.isReady,
            startedAt: self.startedAt
        ) + [
            MetricFamily("ttms_event_streams", .gauge, help: "Clients that follow the events.", value: self.events.readers)
        ]
    }

    func shardStatistics() async -> [ShardStatistics] {
        var result: [ShardStatistics] = []
        for shard in self.shards {
            if let statistics = try? await shard.eventLoop.submit({ shard.statistics() }).get() {
                result.append(statistics)
            }
        }
        return result
    }

    // MARK: Times, as people see them

    func shown(_ backlog: Backlog) -> Backlog {
        var backlog = backlog
        backlog.oldestAcceptedAt = backlog.oldestAcceptedAt.map(self.steadyClock.wallTime(of:))
        return backlog
    }

    private func shown(_ message: StoredMessage) -> StoredMessage {
        StoredMessage(
            id: message.id,
            destination: message.destination,
            frame: message.frame,
            acceptedAt: self.steadyClock.wallTime(of: message.acceptedAt),
            expiresAt: message.expiresAt.map(self.steadyClock.wallTime(of:)),
            isInFlight: message.isInFlight
        )
    }

    // MARK: Blocks

    /// See ``RelayOperations/enforce(_:)``.
    public func enforce(_ blocks: BlockList) async -> Int {
        var closed = 0
        for shard in self.shards {
            closed += (try? await shard.eventLoop.submit { shard.enforce(blocks) }.get()) ?? 0
        }
        return closed
    }

    // MARK: Messages

    /// See ``RelayOperations/messages(of:after:limit:)``.
    public func messages(of ccid: CCID, after: MessageID?, limit: Int) async throws -> [StoredMessage] {
        let messages = try await self.groupCommit.perform { try $0.messages(of: ccid, after: after, limit: limit) }
        return messages.map(self.shown)
    }

    /// See ``RelayOperations/message(_:)``.
    public func message(_ id: MessageID) async throws -> StoredMessage? {
        try await self.groupCommit.perform { try $0.message(id) }.map(self.shown)
    }

    /// See ``RelayOperations/deleteMessage(_:)``.
    public func deleteMessage(_ id: MessageID) async throws -> DeleteOutcome {
        try await self.groupCommit.perform { try $0.delete(id) }
    }

    /// See ``RelayOperations/deleteMessages(of:)``.
    public func deleteMessages(of ccid: CCID) async throws -> Int {
        try await self.groupCommit.perform { try $0.deleteAll(of: ccid) }
    }

    /// See ``RelayOperations/inject(_:)``.
    public func inject(_ injection: Injection) async throws -> InjectionOutcome {
        let room = self.options.session.maximumFrameSize - Frame.minimumSize
        var frame = ByteBuffer()
        let isWritten = frame.writeFrame(
            header: Frame.forwardHeader,
            address: injection.source,
            command: .data,
            content: injection.payload
        )
        guard isWritten, injection.payload.count <= room else {
            throw InjectionError.payloadTooLong(maximumPayload: room)
        }
        return try await self.inject(frame, to: injection.destination, timeToLive: injection.timeToLive)
    }

    private func inject(_ frame: ByteBuffer, to ccid: CCID, timeToLive: UInt32?) async throws -> InjectionOutcome {
        var index = self.shards[0].home(of: ccid)
        while true {
            let shard = self.shards[index]
            let place = try await shard.eventLoop.submit { shard.place(of: ccid) }.get()
            switch place {
            case .here:
                let outcome = try await shard.eventLoop.flatSubmit {
                    let outcome = shard.inject(frame, to: ccid, timeToLive: timeToLive)
                    return outcome.map { $0.map(Optional.some) } ?? shard.eventLoop.makeSucceededFuture(nil)
                }.get()
                if let outcome { return outcome }
                index = shard.home(of: ccid)
            case .shard(let other): index = other
            case .moving: try await Task.sleep(for: .milliseconds(1))
            }
        }
    }
}
