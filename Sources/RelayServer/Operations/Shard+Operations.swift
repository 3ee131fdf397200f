import NIOCore
import RelayCore
import TTMSProtocol

// Operators' requests to one shard. Except for `run`, they are called on its event loop.
extension Shard {
    /// Calls `body` on the event loop, and returns its result. It costs the loop one task and one wake-up; a future would cost two,
    /// because its completion is also a task on the loop.
    func run<Result: Sendable>(_ body: @escaping @Sendable (Shard) -> Result) async -> Result {
        await withCheckedContinuation { continuation in
            self.eventLoop.execute { continuation.resume(returning: body(self)) }
        }
    }

    /// Accepts an operator's frame, which is rewritten already.
    ///
    /// - Returns: `nil` when the terminal is not here, or no longer: its home has to be queried again.
    func inject(_ frame: ByteBuffer, _ injection: Injection) -> EventLoopFuture<InjectionOutcome>? {
        let ccid = injection.destination
        guard case .here = self.place(of: ccid), !self.handover.isRecalled(ccid) else { return nil }
        let promise = self.eventLoop.makePromise(of: InjectionOutcome.self)
        guard !self.isStopping else {
            promise.fail(InjectionError.stopping)
            return promise.futureResult
        }
        let terminal = self.terminals[ccid]
        self.detachIfEnded(terminal)
        if let terminal, terminal.mailbox.mode != .offline { self.storeOlderFrames(of: terminal) }
        let token = self.store.makeToken()
        self.injections.started(token: token, promise)
        let entry = AppendBatch.Entry(ccid: ccid, timeToLive: injection.timeToLive, token: token, isTraced: true)
        frame.withUnsafeReadableBytes { frame in
            if let terminal {
                self.enqueue(for: terminal) { $0.append(entry, frame: frame) }
            } else {
                self.enqueueForAbsent { $0.append(entry, frame: frame) }
            }
        }
        if let key = injection.key { self.store.use(key, for: token) }
        self.counters.accepted += 1
        self.counters.acceptedBytes += UInt64(frame.readableBytes)
        if let terminal { self.pump(terminal) }
        return promise.futureResult
    }

    func injectionStored(_ receipt: StoreCompletion.Receipt) {
        self.detachIfEnded(self.terminals[receipt.ccid])
        let connection = self.terminals[receipt.ccid]?.connection
        let isReading = connection.map { $0.outbound.unacknowledged < self.options.outbound.lowWatermark }
        self.injections.completed(receipt, isExpected: isReading ?? false)
        if case .queued(let id) = receipt.outcome, isReading == true { self.boundInjection(id) }
    }

    /// The time for which an operator waits for the write of a frame whose terminal reads. The frame can expire or be deleted
    /// before.
    private static let injectionPatience = TimeAmount.seconds(1)

    /// Answers for the frame `id` as queued if it has not been written in that time.
    func boundInjection(_ id: MessageID) {
        self.eventLoop.scheduleTask(in: Self.injectionPatience) { self.injections.giveUp(id) }
    }

    /// Counters and gauges at this moment.
    func statistics() -> ShardStatistics {
        var result = ShardStatistics(counters: self.counters)
        result.connections = self.connections.count
        result.terminalsKnown = self.terminals.count
        result.terminalsOnline = self.terminalsOnline
        self.forEachInFlight { connection in
            if !connection.window.isEmpty { result.inFlightBytes += connection.outbound.unacknowledged }
        }
        result.unfinishedBytes = self.unfinishedMemory.bytes
        result.heldBackBytes = self.unfinishedMemory.heldBackBytes
        result.pausedConnections = self.heldSenders.pausedCount
        result.heldBackConnections = self.heldSenders.heldBackCount
        return result
    }

    /// Calls `body` with every open connection whose window may hold frames: they are written at the end of this tick, or a sweep
    /// samples them. With thousands of terminals those are the few active ones.
    func forEachInFlight(_ body: (TerminalConnection) -> Void) {
        self.acknowledgements.forEach { connection in
            if connection.closeReason == nil { body(connection) }
        }
        for connection in self.dirty {
            // Frames for the terminals of a closed connection that are not detached yet.
            let isLeft = connection.closeReason != nil && !connection.window.isEmpty
            if isLeft || connection.closeReason == nil && !connection.isAwaitingSample && !connection.isAwaitingJournal {
                body(connection)
            }
        }
    }
}

/// The counters of one shard, and its gauges.
struct ShardStatistics: Sendable {
    var counters: ShardCounters
    var connections = 0
    var terminalsOnline = 0
    var terminalsKnown = 0
    var inFlightBytes = 0
    var unfinishedBytes = 0
    var heldBackBytes = 0
    var pausedConnections = 0
    var heldBackConnections = 0
}
