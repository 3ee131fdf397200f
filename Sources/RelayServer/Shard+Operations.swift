import NIOCore
import RelayCore
import TTMSProtocol

// What operators ask of one shard; always called on its event loop.
extension Shard {
    /// Takes an operator's frame, which is rewritten already.
    ///
    /// - Returns: `nil` when the terminal is not here (any more): ask its home again.
    func inject(
        _ frame: ByteBuffer,
        to ccid: CCID,
        timeToLive: UInt32?
    ) -> EventLoopFuture<InjectionOutcome>? {
        guard case .here = self.place(of: ccid), !self.handover.isRecalled(ccid) else { return nil }
        let promise = self.eventLoop.makePromise(of: InjectionOutcome.self)
        guard !self.isStopping else {
            promise.fail(InjectionError.stopping)
            return promise.futureResult
        }
        let terminal = self.terminals[ccid]
        if let terminal, terminal.mailbox.mode != .offline { self.makeWay(for: terminal) }
        let token = self.makeToken()
        self.injections.started(token: token, promise)
        let entry = AppendBatch.Entry(ccid: ccid, timeToLive: timeToLive, token: token)
        frame.withUnsafeReadableBytes { frame in
            self.withSubmission { $0.appends.append(entry, frame: frame) }
        }
        self.counters.accepted += 1
        self.counters.acceptedBytes += UInt64(frame.readableBytes)
        if let terminal {
            terminal.counters.framesQueued += 1
            terminal.update { $0.appended(in: self.submission.number) }
            self.pump(terminal)
        }
        return promise.futureResult
    }

    func injectionStored(_ receipt: StoreCompletion.Receipt) {
        let connection = self.terminals[receipt.ccid]?.connection
        let isReading = connection.map { $0.outbound.unacknowledged < self.options.outbound.lowWatermark }
        self.injections.completed(receipt, isExpected: isReading ?? false)
        if case .queued(let id) = receipt.outcome, isReading == true { self.boundInjection(id) }
    }

    /// How long an operator waits for the write of a frame whose terminal reads. It can be expired or deleted before.
    private static let injectionPatience = TimeAmount.seconds(1)

    /// Answers for the frame `id` as queued if it has not been written by then.
    func boundInjection(_ id: MessageID) {
        self.eventLoop.scheduleTask(in: Self.injectionPatience) { self.injections.giveUp(id) }
    }

    // MARK: Snapshots

    /// Those of `ccids` that have a connection here.
    func online(among ccids: [CCID]) -> Set<CCID> {
        Set(ccids.filter { self.terminals[$0]?.connection != nil })
    }

    func snapshot(of terminal: Terminal) -> TerminalSnapshot {
        if let connection = terminal.connection { self.settleCounters(of: connection) }
        return TerminalSnapshot(
            ccid: terminal.ccid,
            connection: terminal.connection.map(self.snapshot(of:)),
            since: terminal.since,
            lastHeartbeatAt: terminal.lastHeartbeatAt,
            lastCloseReason: terminal.lastCloseReason,
            counters: terminal.counters
        )
    }

    private func snapshot(of connection: TerminalConnection) -> ConnectionSnapshot {
        let spilled = connection.session.ccids.contains { self.terminals[$0]?.mailbox.mode == .draining }
        return ConnectionSnapshot(
            id: connection.id,
            remoteAddress: Self.text(connection.channel.remoteAddress),
            listener: Self.text(connection.channel.localAddress),
            openedAt: connection.openedAt,
            dialect: connection.parser.dialect,
            unacknowledgedBytes: connection.outbound.unacknowledged,
            isSpilled: spilled
        )
    }

    static func text(_ address: SocketAddress?) -> String {
        guard let address, let host = address.ipAddress, let port = address.port else { return "" }
        return host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    /// The terminals of a page that this shard has, in the order of their CCIDs; `query.limit` at the most.
    ///
    /// One walk over the table per page: 100,000 terminals take about a millisecond.
    func terminals(_ query: TerminalQuery) -> [TerminalSnapshot] {
        var found: [CCID] = []
        let range = query.range
        self.terminals.forEach { terminal in
            guard range.contains(terminal.ccid.rawValue) else { return }
            if let isOnline = query.isOnline, isOnline != (terminal.connection != nil) { return }
            if let after = query.after, terminal.ccid <= after { return }
            found.append(terminal.ccid)
        }
        found.sort()
        return found.prefix(query.limit).compactMap { self.terminals[$0] }.map(self.snapshot(of:))
    }

    /// Counters and gauges as they stand.
    func statistics() -> ShardStatistics {
        var result = ShardStatistics(counters: self.counters)
        result.connections = self.connections.count
        result.terminalsOnline = self.terminalsOnline
        result.terminalsKnown = self.terminals.count
        for connection in self.connections where !connection.window.isEmpty {
            result.inFlightBytes += connection.outbound.unacknowledged
        }
        result.pausedConnections = self.paused.count
        return result
    }
}

/// What one shard counts, and how much of everything it has now.
struct ShardStatistics: Sendable {
    var counters: ShardCounters
    var connections = 0
    var terminalsOnline = 0
    var terminalsKnown = 0
    var inFlightBytes = 0
    var pausedConnections = 0
}

extension TerminalQuery {
    /// The CCIDs that begin with the prefix.
    var range: ClosedRange<UInt32> {
        let missing = 8 - min(self.prefix.utf8.count, 8)
        let lowest = UInt32(self.prefix + String(repeating: "0", count: missing), radix: 16) ?? 0
        let highest = UInt32(self.prefix + String(repeating: "f", count: missing), radix: 16) ?? .max
        return lowest...max(lowest, highest)
    }
}
