import NIOCore
import RelayCore
import TTMSProtocol

// Operators' requests about existing messages; `RelayServer+Injections` is for those that they send.
extension RelayServer {
    /// See ``RelayOperations/messages(of:after:limit:)``.
    public func messages(of ccid: CCID, after: MessageID?, limit: Int) async throws -> [StoredMessage] {
        guard self.groupCommit.kept.contains(ccid) else { return [] }
        let messages = try await self.groupCommit.perform { try $0.messages(of: ccid, after: after, limit: limit) }
        return messages.map(self.shown)
    }

    /// See ``RelayOperations/endedMessages(of:in:after:limit:)``.
    public func endedMessages(
        of ccid: CCID,
        in state: MessageTrace.State,
        after: MessageID?,
        limit: Int
    ) async throws -> TracePage {
        var page = try await self.groupCommit.perform { store in
            try store.endedTraces(of: ccid, in: state, after: after, limit: limit)
        }
        page.traces = page.traces.map { $0.withTimes(self.steadyClock.wallTime(of:)) }
        return page
    }

    /// See ``RelayOperations/report(on:)``.
    public func report(on id: MessageID) async throws -> MessageReport? {
        let report: MessageReport? = try await self.groupCommit.perform { store in
            let message = try store.message(id)
            let trace = try message?.trace ?? store.trace(of: id)
            guard message != nil || trace != nil else { return nil }
            return MessageReport(message: message, trace: trace, framesAhead: try store.framesAhead(of: id))
        }
        return report.map { report in
            MessageReport(
                message: report.message.map(self.shown),
                trace: report.trace?.withTimes(self.steadyClock.wallTime(of:)),
                framesAhead: report.framesAhead
            )
        }
    }

    /// See ``RelayOperations/awaitEnd(of:timeout:)``.
    public func awaitEnd(of id: MessageID, timeout: Duration) async throws -> MessageTrace? {
        try await self.watch.awaitEnd(of: id, timeout: timeout) {
            try await self.groupCommit.perform { try $0.trace(of: id) }
        }
    }

    /// See ``RelayOperations/deleteMessage(_:)``.
    public func deleteMessage(_ id: MessageID) async throws -> StoreChange<DeleteOutcome> {
        try await self.groupCommit.change { try $0.delete(id) }
    }

    /// See ``RelayOperations/deleteMessages(of:)``.
    public func deleteMessages(of ccid: CCID) async throws -> StoreChange<Int> {
        var deleted = StoreChange(0)
        var rest: MessageID?
        repeat {
            let through = rest
            do {
                let change = try await self.groupCommit.change { store in
                    try store.deleteAll(of: ccid, through: through, limit: Self.deletionSlice)
                }
                deleted.value += change.value.frames
                deleted.isDurable = change.isDurable
                rest = change.value.rest
            } catch {
                // Earlier deletions remain, and the answer has their number.
                guard deleted.value > 0 else { throw error }
                rest = nil
            }
        } while rest != nil
        return deleted
    }

    /// The maximum number of messages deleted at once, when each has to be read.
    private static let deletionSlice = 1_000

    /// A message with its times by the wall clock.
    private func shown(_ message: StoredMessage) -> StoredMessage {
        StoredMessage(
            id: message.id,
            destination: message.destination,
            frame: message.frame,
            acceptedAt: self.steadyClock.wallTime(of: message.acceptedAt),
            expiresAt: message.expiresAt.map(self.steadyClock.wallTime(of:)),
            isInFlight: message.isInFlight,
            trace: message.trace?.withTimes(self.steadyClock.wallTime(of:))
        )
    }

    // MARK: Traces

    /// See ``RelayOperations/tracing(of:)``.
    public func tracing(of ccid: CCID) async throws -> TraceSwitch? {
        self.shown(try await self.groupCommit.perform { $0.tracing(of: ccid) })
    }

    private func shown(_ traceSwitch: TraceSwitch?) -> TraceSwitch? {
        traceSwitch.map { TraceSwitch(until: self.steadyClock.wallTime(of: $0.until), remaining: $0.remaining) }
    }

    /// See ``RelayOperations/setTracing(of:for:frames:)``.
    @discardableResult
    public func setTracing(
        of ccid: CCID,
        for duration: UInt32?,
        frames: UInt32
    ) async throws -> StoreChange<TraceSwitch?> {
        let change = try await self.groupCommit.change { store in
            let traceSwitch = duration.map {
                TraceSwitch(until: store.now.advanced(bySeconds: Int64($0)), remaining: frames)
            }
            store.setTracing(of: ccid, traceSwitch)
            return traceSwitch
        }
        // A terminal between two shards is checked where it is attached next.
        for shard in self.shards {
            await shard.run { shard in
                guard let terminal = shard.terminals[ccid], !shard.handover.isRecalled(ccid) else { return }
                shard.updateWriteThrough(terminal)
            }
        }
        return StoreChange(self.shown(change.value), isDurable: change.isDurable)
    }
}
