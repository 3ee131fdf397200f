import NIOCore
import RelayCore
import Synchronization
import TTMSProtocol

#if canImport(Glibc)
import Glibc
#endif

extension RelayServer: RelayOperations {
    /// The version of this release.
    public static let version = Release.version

    // MARK: The relay

    /// The start of the relay, by the wall clock as it is set now: the time since the start does not depend on that clock.
    var startedAt: Timestamp {
        let elapsed = (NIODeadline.now() - self.start).nanoseconds / 1_000
        let shift = self.clock.now.microseconds &- self.startedAtFirst.microseconds &- elapsed
        // Small corrections of the clock would show a different start each time.
        guard shift.magnitude > 10_000_000 else { return self.startedAtFirst }
        return self.startedAtFirst.advanced(bySeconds: shift / 1_000_000)
    }

    /// See ``RelayOperations/status()``.
    public func status() async -> RelayStatus {
        let account = await self.account()
        return RelayStatus(
            version: Self.version,
            startedAt: self.startedAt,
            now: self.clock.now,
            listeners: self.state.addresses,
            eventLoops: self.shards.count,
            connections: self.limiter.count,
            terminalsOnline: account.shards.reduce(0) { $0 + $1.terminalsOnline },
            ledger: account.ledger,
            store: account.totals,
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
        let listening = self.acceptor.problem
        let trouble = self.acceptReport.trouble(now: .now()) ?? self.shortage
        return Readiness(checks: [
            .init(
                name: "listeners",
                isPassing: listening == nil,
                detail: listening ?? ""
            ),
            .init(name: "connections", isPassing: trouble == nil, detail: trouble ?? ""),
            store,
        ])
    }

    /// The reason for which the next connection would be refused or have to wait, if there is one.
    private var shortage: String? {
        if self.limiter.count >= self.limiter.maximum { return self.limiter.advice }
        return self.acceptor.isOutOfFiles ? AcceptReport.advice(EMFILE) : nil
    }

    /// See ``RelayOperations/drain()``.
    public func drain() async {
        self.drainRequest.yield()
    }

    /// See ``RelayOperations/metrics()``.
    public func metrics() async -> [MetricFamily] {
        let account = await self.account()
        return RelayMetrics.families(
            account.shards,
            self.groupCommit.statistics,
            account.ledger,
            accepted: self.acceptedAtLeast(account.ledger.accepted &- UInt64(self.totalsAtStart.frames)),
            acceptFailures: self.acceptReport.failures,
            connectionsMaximum: self.limiter.maximum,
            socketOptionFailures: self.socketOptions.failures,
            isReady: self.currentReadiness.isReady,
            startedAt: self.startedAt
        ) + [
            MetricFamily("ttms_event_streams", .gauge, help: "Clients that follow the events.", value: self.events.readers)
        ]
    }

    /// The number of accepted frames, but never less than before, because a counter must not decrease. A frame between two event
    /// loops counts as accepted until the store has rejected it.
    private func acceptedAtLeast(_ accepted: UInt64) -> UInt64 {
        self.publishedAccepted.withLock { published in
            published = max(published, accepted)
            return published
        }
    }

    // MARK: Times by the wall clock

    func shown(_ backlog: Backlog) -> Backlog {
        var backlog = backlog
        backlog.oldestAcceptedAt = backlog.oldestAcceptedAt.map(self.steadyClock.wallTime(of:))
        return backlog
    }

    // MARK: Blocks

    /// See ``RelayOperations/enforce(_:)``.
    public func enforce(_ blocks: BlockList) async -> Int {
        var closed = 0
        for shard in self.shards {
            var end = await shard.run { $0.enforce(blocks) }
            while end > 0 {
                let below = end
                let slice = await shard.run { $0.closeBlocked(below: below) }
                closed += slice.closed
                end = slice.next
            }
        }
        return closed
    }
}
