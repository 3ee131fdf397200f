import AdminAPI
import RelayCore
import TTMSProtocol

// Conversions from the core's snapshots to the API's resources.

extension Timestamp {
    /// The time in the API's form.
    var text: String { APITime.text(milliseconds: self.milliseconds) }

    /// Whole seconds from this time to a later one; 0 when it is earlier.
    func seconds(until later: Timestamp) -> Int64 {
        let (difference, overflow) = later.microseconds.subtractingReportingOverflow(self.microseconds)
        return overflow ? 0 : max(difference / 1_000_000, 0)
    }
}

extension TerminalResource {
    init(_ terminal: TerminalSnapshot, now: Timestamp) {
        self.init(
            ccid: terminal.ccid.description,
            state: terminal.isOnline ? .online : .offline,
            since: terminal.since?.text,
            lastHeartbeatAt: terminal.lastHeartbeatAt?.text,
            cadence: terminal.cadence.map(Cadence.init),
            framesPerSecond: (terminal.framesPerSecond * 1_000).rounded() / 1_000,
            lastCloseReason: terminal.lastCloseReason?.rawValue,
            connection: terminal.connection.map(Connection.init),
            counters: Counters(terminal.counters),
            backlog: Backlog(terminal.backlog, now: now)
        )
    }
}

extension TerminalResource.Connection {
    init(_ connection: ConnectionSnapshot) {
        self.init(
            id: String(connection.id),
            remoteAddress: connection.remoteAddress.description,
            listener: connection.listener.description,
            openedAt: connection.openedAt.text,
            dialect: connection.dialect?.rawValue,
            unacknowledgedBytes: connection.unacknowledgedBytes,
            spilled: connection.isSpilled
        )
    }
}

extension TerminalResource.Cadence {
    init(_ cadence: TerminalSnapshot.Cadence) {
        self.init(
            intervalMilliseconds: cadence.intervalMilliseconds,
            deviationMilliseconds: cadence.deviationMilliseconds,
            dueAt: cadence.dueAt.text,
            late: cadence.isLate
        )
    }
}

extension TerminalResource.PastConnection {
    init(_ entry: ConnectionHistory.Entry) {
        self.init(
            id: String(entry.connection),
            remoteAddress: entry.remoteAddress.description,
            registeredAt: entry.registeredAt.text,
            endedAt: entry.endedAt.text,
            closeReason: entry.reason.rawValue,
            counters: ConnectionCountersResource(entry.counters)
        )
    }
}

extension ConnectionResource {
    init(_ connection: ConnectionSnapshot) {
        self.init(
            id: String(connection.id),
            state: connection.end == nil ? .open : .closed,
            remoteAddress: connection.remoteAddress.description,
            listener: connection.listener.description,
            openedAt: connection.openedAt.text,
            closedAt: connection.end?.at.text,
            closeReason: connection.end?.reason.rawValue,
            detail: connection.end?.detail,
            dialect: connection.dialect?.rawValue,
            ccids: connection.ccids.map(\.description),
            ccidCount: connection.ccidCount,
            lastReceivedAt: connection.lastReceivedAt.text,
            unacknowledgedBytes: connection.unacknowledgedBytes,
            unfinishedBytes: connection.unfinishedBytes,
            unreadBytes: connection.end?.unreadBytes ?? 0,
            spilled: connection.isSpilled,
            paused: connection.pause?.rawValue,
            counters: ConnectionCountersResource(connection.counters)
        )
    }
}

extension ConnectionCountersResource {
    init(_ counters: ConnectionCounters) {
        self.init()
        self.heartbeats = counters.heartbeats
        self.framesReceived = counters.framesReceived
        self.bytesReceived = counters.bytesReceived
        self.framesDelivered = counters.framesDelivered
        self.bytesDelivered = counters.bytesDelivered
    }
}

extension TerminalResource.Counters {
    init(_ counters: TerminalCounters) {
        self.init()
        self.heartbeats = counters.heartbeats
        self.framesReceived = counters.framesReceived
        self.bytesReceived = counters.bytesReceived
        self.framesDelivered = counters.framesDelivered
        self.bytesDelivered = counters.bytesDelivered
        self.unsoundFrames = counters.unsoundFrames
        self.framesQueued = counters.framesQueued
        self.connections = counters.connections
    }
}

extension TerminalResource.Backlog {
    init(_ backlog: RelayCore.Backlog, now: Timestamp) {
        self.init(
            frames: backlog.frames,
            bytes: backlog.bytes,
            inFlightFrames: backlog.inFlightFrames,
            oldestAcceptedAt: backlog.oldestAcceptedAt?.text,
            oldestAgeSeconds: backlog.oldestAcceptedAt?.seconds(until: now)
        )
    }
}

extension MessageResource {
    init(_ message: StoredMessage, encoding: PayloadEncoding) {
        let payload = message.frame.dropFirst(Frame.contentOffset).dropLast()
        let (text, actualEncoding) = encoding.encode(payload)
        self.init(
            id: message.id.description,
            ccid: message.destination.description,
            source: CCID(addressOf: message.frame).description,
            state: MessageState(message.trace?.state ?? (message.isInFlight ? .inFlight : .queued)),
            acceptedAt: message.acceptedAt.text,
            expiresAt: message.expiresAt?.text,
            payload: text,
            payloadEncoding: actualEncoding,
            payloadBytes: payload.count,
            frameBytes: message.frame.count,
            attempts: message.trace.map { Int($0.attempts) },
            history: message.trace.map { $0.history.map(MessageEvent.init) }
                ?? [MessageEvent(state: .accepted, at: message.acceptedAt.text)]
        )
    }

    /// - Returns: `nil` when the report is empty.
    init?(_ report: MessageReport, encoding: PayloadEncoding) {
        if let message = report.message {
            self.init(message, encoding: encoding)
            return
        }
        guard let trace = report.trace else { return nil }
        self.init(
            id: trace.id.description,
            ccid: trace.destination.description,
            source: trace.source.description,
            state: MessageState(trace.state),
            acceptedAt: trace.acceptedAt.text,
            expiresAt: trace.expiresAt?.text,
            payload: nil,
            payloadEncoding: nil,
            payloadBytes: max(trace.frameBytes - Frame.minimumSize, 0),
            frameBytes: trace.frameBytes,
            attempts: Int(trace.attempts),
            history: trace.history.map(MessageEvent.init)
        )
    }
}

extension MessageState {
    init(_ state: MessageTrace.State) {
        switch state {
        case .accepted: self = .accepted
        case .queued: self = .queued
        case .inFlight: self = .inFlight
        case .acknowledged: self = .acknowledged
        case .confirmed: self = .confirmed
        case .expired: self = .expired
        case .deleted: self = .deleted
        case .evicted: self = .evicted
        }
    }
}

extension MessageEvent {
    init(_ event: MessageTrace.Event) {
        self.init(state: MessageState(event.state), at: event.time.text)
    }
}

extension TraceResource {
    init(_ ccid: CCID, _ traceSwitch: TraceSwitch?) {
        self.init(
            ccid: ccid.description,
            tracing: traceSwitch != nil,
            until: traceSwitch?.until.text,
            remainingFrames: traceSwitch.map { Int($0.remaining) }
        )
    }
}

extension MessagePreview {
    init(_ preview: InjectionPreview, _ injection: Injection, isOnline: Bool) {
        self.init(
            ccid: injection.destination.description,
            source: injection.source.description,
            terminalState: isOnline ? .online : .offline,
            frame: PayloadEncoding.hex.encode(preview.frame).text,
            frameBytes: preview.frame.count,
            framesAhead: preview.store.framesAhead,
            expiresAt: preview.expiresAt?.text,
            rejection: preview.store.rejection.map { $0.settingKey ?? $0.rawValue },
            evictedFrames: preview.store.evictedFrames,
            evicted: preview.store.evicted.map(\.description)
        )
    }
}

extension MessageReceipt {
    init(_ outcome: InjectionOutcome, _ injection: Injection) {
        let state: MessageState =
            switch outcome.state {
            case .queued: .queued
            case .inFlight: .inFlight
            }
        self.init(
            id: outcome.id.description,
            ccid: injection.destination.description,
            source: injection.source.description,
            state: state,
            traced: outcome.isTraced
        )
    }
}

extension ReadinessResource {
    init(_ readiness: Readiness) {
        let checks = readiness.checks.map { Check(name: $0.name, passing: $0.isPassing, detail: $0.detail) }
        self.init(ready: readiness.isReady, checks: checks)
    }
}

extension StatusResource {
    init(_ status: RelayStatus) {
        self.init(
            version: status.version,
            startedAt: status.startedAt.text,
            now: status.now.text,
            uptimeSeconds: status.startedAt.seconds(until: status.now),
            listeners: status.listeners,
            eventLoops: status.eventLoops,
            connections: status.connections,
            terminalsOnline: status.terminalsOnline,
            ledger: Ledger(status.ledger),
            store: Store(status.store),
            readiness: ReadinessResource(status.readiness)
        )
    }
}

extension StatusResource.Ledger {
    init(_ ledger: RelayCore.Ledger) {
        self.init()
        self.accepted = ledger.accepted
        self.delivered = ledger.delivered
        self.queued = ledger.queued
        self.inFlight = ledger.inFlight
        self.expired = ledger.expired
        self.deleted = ledger.deleted
        self.evicted = ledger.evicted
        self.requeued = ledger.requeued
        self.imbalance = ledger.imbalance
    }
}

extension StatusResource.Store {
    init(_ totals: StoreTotals) {
        self.init()
        self.frames = totals.frames
        self.bytes = totals.bytes
        self.terminals = totals.terminals
        self.appended = totals.appended
        self.removed = totals.removed
        self.expired = totals.expired
        self.deleted = totals.deleted
        self.evicted = totals.evicted
        self.rejected = totals.rejected
    }
}

extension CCID {
    /// The CCID in a stored frame's address field; 0 when the bytes are too few for one.
    fileprivate init(addressOf frame: [UInt8]) {
        let address = frame.dropFirst(Frame.addressOffset).prefix(4)
        self.init(rawValue: address.reduce(0) { $0 << 8 | UInt32($1) })
    }
}
