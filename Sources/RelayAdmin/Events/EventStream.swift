import AdminAPI
import RelayCore
import Synchronization
import TTMSProtocol

/// The selection of events that a client follows.
struct EventFilter: Equatable, Sendable {
    /// `nil` for all.
    var types: Set<EventType>?
    /// `nil` for events of all terminals, and for those without a terminal.
    var ccids: Set<CCID>?

    func admits(_ event: RelayEvent) -> Bool {
        if let types, !types.contains(EventType(event.kind)) { return false }
        if let ccids { return event.ccid.map(ccids.contains) ?? false }
        return true
    }
}

/// The events for one client, as Server-Sent Events from a position in the log.
///
/// No events are queued for a client: it has a position in the log, and reads from there when its connection has room. When the
/// position of a slow client is overwritten, it gets a last event with the reason, and the stream ends. It may connect again with the
/// id of the last event that it has seen, and then gets a `gap`. Without events it gets heartbeats, which contain the position, so
/// that a client whose filter matches nothing does not fall behind. The stream ends when the client's token is no longer valid.
final class EventStream: HTTPStream {
    private struct State {
        /// The number of the last event that was read.
        var place: UInt64 = 0
        /// Bytes that are prepared and not sent yet.
        var pending: ArraySlice<UInt8> = []
        var isReader = false
        var isHeartbeatDue = false
        var isEnding = false
        var isWaiting = false
        var lastSent = ContinuousClock.now
        var wake: (@Sendable () -> Void)?
    }

    /// Events read under one lock of the log, which publishers share.
    private static let batch = 64
    /// The delay before a client connects again after its connection broke, in ms.
    private static let retry = 2_000

    private let filter: EventFilter
    private let lastID: String?
    private let hub: EventHub
    private let isAllowed: @Sendable () -> Bool
    private let state = Mutex(State())

    /// - Parameters:
    ///   - lastID: the id of the last event that the client has seen, as the client sent it.
    ///   - isAllowed: whether the client may still follow. It is called often, and from several threads.
    init(_ filter: EventFilter, after lastID: String?, hub: EventHub, isAllowed: @escaping @Sendable () -> Bool) {
        self.filter = filter
        self.lastID = lastID
        self.hub = hub
        self.isAllowed = isAllowed
    }

    /// Registers with the log, and determines the position.
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
                "Events after the given id are no longer available. Read the state of the terminals and messages that you follow again."
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

    /// Wakes a waiting client when there are new events, when nothing was sent since `silentSince`, or when it may no longer follow.
    func wake(isNews: Bool, silentSince: ContinuousClock.Instant) {
        let wake = self.state.withLock { state -> (@Sendable () -> Void)? in
            guard state.isWaiting else { return nil }
            self.endUnlessAllowed(&state)
            if state.lastSent <= silentSince { state.isHeartbeatDue = true }
            return isNews || state.isHeartbeatDue || state.isEnding ? state.wake : nil
        }
        wake?()
    }

    // MARK: Content

    /// Prepares the next bytes, if there are events for the client or a heartbeat is due.
    private func fill(_ state: inout State) {
        while state.pending.isEmpty {
            let batch = self.hub.log.read(after: state.place, limit: Self.batch)
            if batch.isMissing {
                return self.finish(
                    &state,
                    detail: "The client reads too slowly. Read faster, or follow fewer events, and connect again."
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
            detail: "The request's token is no longer valid: it was revoked, or has expired."
        )
    }

    /// Appends the reason to the prepared bytes, after which the stream ends.
    private func finish(_ state: inout State, detail: String) {
        guard !state.isEnding else { return }
        state.isEnding = true
        var end = EventResource(.end, at: Timestamp.now.text)
        end.detail = detail
        state.pending += self.text(end, id: state.place)
    }

    private func text(_ event: EventResource, id: UInt64) -> [UInt8] {
        // An event consists of strings, which always encode, and in one line.
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
