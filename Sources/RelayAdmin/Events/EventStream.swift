import AdminAPI
import RelayCore
import Synchronization
import TTMSProtocol

/// Which events a client follows.
struct EventFilter: Equatable, Sendable {
    /// `nil` for all.
    var types: Set<EventType>?
    /// `nil` for those of all terminals, and of none.
    var ccids: Set<CCID>?

    func admits(_ event: RelayEvent) -> Bool {
        if let types, !types.contains(EventType(event.kind)) { return false }
        if let ccids { return event.ccid.map(ccids.contains) ?? false }
        return true
    }
}

/// The events as one client gets them: Server-Sent Events, from a place in the log on.
///
/// Nothing is queued for a client: it has a place in the log, and reads from there when its connection has room. A client that is so
/// slow that its place is overwritten is told so, and its stream ends; it may come back with the id of the last event that it has
/// seen, and hears that there is a gap. What it gets on the way: a heartbeat when nothing happens, which carries the place in the
/// log, so that a client whose filter lets nothing through does not fall behind. It gets nothing more when its token is not in force
/// any more.
final class EventStream: HTTPStream {
    private struct State {
        /// The number of the last event that was looked at.
        var place: UInt64 = 0
        /// What has been put together and is not sent.
        var pending: ArraySlice<UInt8> = []
        var isReader = false
        var isHeartbeatDue = false
        var isEnding = false
        var isWaiting = false
        var lastSent = ContinuousClock.now
        var wake: (@Sendable () -> Void)?
    }

    /// Events that are looked at under one lock of the log, which publishers share.
    private static let batch = 64
    /// When a client is to come back after its connection has broken, ms.
    private static let retry = 2_000

    private let filter: EventFilter
    private let lastID: String?
    private let hub: EventHub
    private let isAllowed: @Sendable () -> Bool
    private let state = Mutex(State())

    /// - Parameters:
    ///   - lastID: the id of the last event that the client has seen, as it said it.
    ///   - isAllowed: whether the client may follow still. It is asked often, and from several threads.
    init(_ filter: EventFilter, after lastID: String?, hub: EventHub, isAllowed: @escaping @Sendable () -> Bool) {
        self.filter = filter
        self.lastID = lastID
        self.hub = hub
        self.isAllowed = isAllowed
    }

    /// Takes its place in the log.
    func start() {
        let log = self.hub.log
        let newest = log.addReader()
        self.state.withLock { state in
            state.isReader = true
            state.place = newest
            var isMissing = false
            if let lastID {
                let number = self.number(in: lastID)
                isMissing = number.map { log.read(after: $0, limit: 0).isMissing } ?? true
                if let number, !isMissing { state.place = number }
            }
            state.pending = ArraySlice("retry: \(Self.retry)\nid: \(self.id(state.place))\n\n".utf8)
            guard isMissing else { return }
            var gap = EventResource(.gap, at: Timestamp.now.text)
            gap.detail =
                "What happened since the event with the id that was given is not known any more. Ask for the state of what matters."
            state.pending += self.text(gap, id: state.place)
        }
    }

    private func id(_ number: UInt64) -> String {
        "\(String(self.hub.log.epoch, radix: 16))-\(number)"
    }

    /// The number in an id of this process's log; `nil` for any other text.
    private func number(in id: String) -> UInt64? {
        let parts = id.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let number = UInt64(parts[1]), self.id(number) == id else { return nil }
        return number
    }

    // MARK: The transport's side

    func begin(wake: @escaping @Sendable () -> Void) {
        self.state.withLock { $0.wake = wake }
    }

    func next(maximum: Int) -> HTTPStreamStep {
        self.state.withLock { state in
            state.isWaiting = false
            if state.pending.isEmpty { self.endUnlessAllowed(&state) }
            if state.pending.isEmpty, !state.isEnding { self.fill(&state) }
            if !state.pending.isEmpty {
                let piece = Array(state.pending.prefix(maximum))
                state.pending = state.pending.dropFirst(piece.count)
                state.lastSent = .now
                return .bytes(piece)
            }
            if state.isEnding { return .end }
            state.isWaiting = true
            return .wait
        }
    }

    func probe() {
        let wake = self.state.withLock { state in
            state.isHeartbeatDue = true
            return state.isWaiting ? state.wake : nil
        }
        wake?()
    }

    func close() {
        self.state.withLock { self.finish(&$0, detail: "The relay stops.") }
    }

    func end() {
        guard self.hub.close(self) else { return }
        let isReader = self.state.withLock { state in
            defer { state.isReader = false }
            return state.isReader
        }
        if isReader { self.hub.log.removeReader() }
    }

    // MARK: The hub's side

    /// Has a client that waits look again, when there is news, when it has heard nothing since `silentSince`, or when it may not
    /// follow any more.
    func wake(isNews: Bool, silentSince: ContinuousClock.Instant) {
        let wake = self.state.withLock { state -> (@Sendable () -> Void)? in
            guard state.isWaiting else { return nil }
            self.endUnlessAllowed(&state)
            if state.lastSent <= silentSince { state.isHeartbeatDue = true }
            return isNews || state.isHeartbeatDue || state.isEnding ? state.wake : nil
        }
        wake?()
    }

    // MARK: What it says

    /// Puts together what comes next, if there is something.
    private func fill(_ state: inout State) {
        while state.pending.isEmpty {
            let batch = self.hub.log.read(after: state.place, limit: Self.batch)
            if batch.isMissing {
                return self.finish(
                    &state,
                    detail: "The client is slower than what happens. Read faster, or follow fewer events, and connect again."
                )
            }
            guard !batch.events.isEmpty else { break }
            for (offset, event) in batch.events.enumerated() where self.filter.admits(event) {
                state.pending += self.text(EventResource(event), id: batch.first + UInt64(offset))
            }
            state.place = batch.first + UInt64(batch.events.count) - 1
        }
        if state.pending.isEmpty, state.isHeartbeatDue {
            state.pending = ArraySlice(": heartbeat\nid: \(self.id(state.place))\n\n".utf8)
        }
        state.isHeartbeatDue = false
    }

    private func endUnlessAllowed(_ state: inout State) {
        guard !self.isAllowed() else { return }
        self.finish(
            &state,
            detail: "The token that came with the request is not in force any more: it was revoked, or its time is over."
        )
    }

    /// What has been put together still goes out, then why the stream ends, and that is all.
    private func finish(_ state: inout State, detail: String) {
        guard !state.isEnding else { return }
        state.isEnding = true
        var end = EventResource(.end, at: Timestamp.now.text)
        end.detail = detail
        state.pending += self.text(end, id: state.place)
    }

    private func text(_ event: EventResource, id: UInt64) -> [UInt8] {
        // An event holds only strings: it always encodes, and in one line.
        let json = (try? APIJSON.encode(event)).map { Array($0) } ?? []
        return Array("id: \(self.id(id))\nevent: \(event.type.rawValue)\ndata: ".utf8) + json + Array("\n\n".utf8)
    }
}

extension EventType {
    init(_ kind: RelayEvent.Kind) {
        self =
            switch kind {
            case .terminalOnline: .terminalOnline
            case .terminalOffline: .terminalOffline
            case .terminalSuperseded: .terminalSuperseded
            case .terminalLate: .terminalLate
            case .terminalPunctual: .terminalPunctual
            case .message: .message
            case .connectionRejected: .connectionRejected
            case .store: .store
            }
    }
}

extension EventResource {
    init(_ event: RelayEvent) {
        self.init(EventType(event.kind), at: event.at.text)
        self.ccid = event.ccid?.description
        switch event.content {
        case .terminalOnline(let connection, let remoteAddress):
            self.connectionID = String(connection)
            self.remoteAddress = remoteAddress
        case .terminalOffline(let connection, let reason):
            self.connectionID = String(connection)
            self.reason = reason.rawValue
        case .terminalSuperseded(let connection):
            self.connectionID = String(connection)
        case .terminalLate(let lastHeartbeatAt, let dueAt):
            self.lastHeartbeatAt = lastHeartbeatAt.text
            self.dueAt = dueAt.text
        case .terminalPunctual: break
        case .message(let id, let state):
            self.messageID = id.description
            self.state = state.rawValue
        case .connectionRejected(let connection, let remoteAddress, let reason, let detail):
            self.detail = detail
            self.connectionID = String(connection)
            self.remoteAddress = remoteAddress
            self.reason = reason.rawValue
        case .store(let health):
            switch health {
            case .healthy: self.state = "healthy"
            case .closed: self.state = "closed"
            case .failing(let error):
                self.state = "failing"
                self.detail = error.description
            }
        }
    }
}
