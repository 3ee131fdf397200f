import AdminAPI
import RelayCore
import TTMSProtocol

/// Why a message is where it is, in plain words, made of what is known of it and of its terminal.
struct Explanation {
    /// The message.
    var message: MessageResource
    /// Frames kept before it, while it is kept.
    var framesAhead: Int?
    /// Its destination; `nil` when it was never seen since the relay started, and nothing is kept for it.
    var terminal: TerminalSnapshot?
    /// What keeps the destination out, while it is offline.
    var block: KeptBlock?

    /// One sentence.
    var text: String {
        switch self.message.state {
        case .accepted, .queued: self.waiting + self.habit + self.expiry
        case .inFlight: self.underway
        case .acknowledged:
            "It was delivered: the terminal's kernel acknowledged it\(self.at(.acknowledged)); no heartbeat has come after that "
                + "on the same connection" + (self.terminal?.isOnline == true ? self.habit : "") + "."
        case .confirmed:
            "It was delivered: the terminal's kernel acknowledged it\(self.at(.acknowledged)), and a heartbeat came after that"
                + "\(self.at(.confirmed))."
        case .expired: self.dropped("its time to live ended, and it expired\(self.at(.expired))")
        case .deleted: self.dropped("an operator deleted it\(self.at(.deleted))")
        case .evicted:
            self.dropped(
                "the queue was full, and it was dropped as the oldest\(self.at(.evicted)), as `when_full` says, at one of the limits "
                    + "maximum_frames_per_terminal, maximum_bytes_per_terminal, maximum_frames and maximum_bytes"
            )
        }
    }

    private var underway: String {
        let written = "It was written to the terminal's connection\(self.at(.inFlight))"
        if self.terminal?.connection?.confirm == .heartbeat {
            return
                "\(written); on this listener only a heartbeat tells that it has arrived (`confirm: heartbeat`), and none has come since"
                + self.habit + "."
        }
        return "\(written), and the terminal has not acknowledged it yet\(self.unacknowledged)\(self.habit)."
    }

    /// How it ended without being acknowledged. One that was written before may have arrived all the same.
    private func dropped(_ end: String) -> String {
        guard (self.message.attempts ?? 0) > 0 else { return "It was not delivered: \(end), before it was written." }
        return
            "It was written\(self.at(.inFlight)) and not acknowledged, so the terminal may have it; then it came back to its queue, "
            + "and \(end)."
    }

    private var waiting: String {
        let place = self.message.ccid
        let ahead = self.framesAhead ?? 0
        let before = ahead == 0 ? "none before it" : ahead == 1 ? "1 frame before it" : "\(ahead) frames before it"
        let again = (self.message.attempts ?? 0) > 0 ? ", after it was written and not acknowledged" : ""
        if let block { return "It waits\(again), with \(before), because \(Self.text(block, place))" }
        guard let terminal = self.terminal, terminal.since != nil || terminal.isOnline else {
            return "It waits\(again), with \(before), because the terminal \(place) has not been seen since the relay started"
        }
        let since = terminal.since.map { " since \($0.text)" } ?? ""
        guard let connection = terminal.connection else {
            let reason = terminal.lastCloseReason.map { ", when \($0.words)" } ?? ""
            return "It waits\(again), with \(before), because the terminal \(place) is offline\(since)\(reason)"
        }
        guard connection.isSpilled else {
            return "It is about to be written\(again), with \(before): the terminal \(place) is online\(since)"
        }
        return "It waits\(again), with \(before), because the terminal \(place) is online\(since) but reads slowly: "
            + "\(connection.unacknowledgedBytes) bytes are on their way to it"
    }

    private static func text(_ block: KeptBlock, _ place: String) -> String {
        let target =
            switch block.target {
            case .ccid: "the terminal \(place)"
            case .network(let network): "\(network), from where the terminal \(place) came last,"
            }
        let end = block.expiresAt.map { ", until \($0.text)" } ?? ", until that is taken back"
        return "\(target) is blocked since \(block.createdAt.text)\(end)"
    }

    /// How the terminal keeps to its habit; empty when that is not known.
    private var habit: String {
        guard let cadence = self.terminal?.cadence else { return "" }
        let next = cadence.isLate ? "the next is overdue since" : "the next is due by"
        return
            "; its heartbeats come every \(Self.text(milliseconds: cadence.intervalMilliseconds)), and \(next) \(cadence.dueAt.text)"
    }

    /// To two digits or so: a habit is no more exact than that.
    private static func text(milliseconds: Int64) -> String {
        let seconds = Double(milliseconds) / 1_000
        if milliseconds < 1_000 { return "\(milliseconds) ms" }
        return seconds < 10 ? "\((seconds * 10).rounded() / 10) s" : "\(Int64(seconds.rounded())) s"
    }

    private var expiry: String {
        self.message.expiresAt.map { "; it expires at \($0)." } ?? "; it does not expire."
    }

    private var unacknowledged: String {
        guard let bytes = self.terminal?.connection?.unacknowledgedBytes, bytes > 0 else { return "" }
        return ": \(bytes) bytes are on their way to it"
    }

    private func at(_ state: AdminAPI.MessageState) -> String {
        self.message.history.last { $0.state == state }.map { " at \($0.at)" } ?? ""
    }

    /// The answer as the API gives it.
    var resource: MessageExplanation {
        MessageExplanation(
            id: self.message.id,
            ccid: self.message.ccid,
            state: self.message.state,
            why: self.text,
            facts: MessageExplanation.Facts(
                terminalState: self.terminal?.isOnline == true ? .online : .offline,
                terminalSince: self.terminal?.since?.text,
                lastHeartbeatAt: self.terminal?.lastHeartbeatAt?.text,
                cadence: self.terminal?.cadence.map { TerminalResource.Cadence($0) },
                lastCloseReason: self.terminal?.lastCloseReason?.rawValue,
                block: self.block.map { BlockResource($0, clock: .wall) },
                unacknowledgedBytes: self.terminal?.connection?.unacknowledgedBytes,
                framesAhead: self.framesAhead,
                attempts: self.message.attempts,
                acceptedAt: self.message.acceptedAt,
                expiresAt: self.message.expiresAt
            )
        )
    }
}

extension CloseReason {
    /// What happened to the connection, behind "when".
    fileprivate var words: String {
        switch self {
        case .badHeader: "the relay closed its connection because a frame did not begin with $TTMS"
        case .tooShort: "the relay closed its connection because a frame was too short"
        case .tooLong: "the relay closed its connection because a frame was too long"
        case .checksumMismatch: "the relay closed its connection because a checksum was wrong"
        case .notRegistered: "the relay closed its connection because data came before the first heartbeat"
        case .unknownCommand: "the relay closed its connection because of a command that it does not know"
        case .registrationTimeout: "the relay closed its connection because no heartbeat came"
        case .idleTimeout: "the relay closed its connection because it was silent for too long"
        case .unfinishedFrame: "the relay closed its connection because the rest of a frame did not come"
        case .tooManyConnections: "the relay had too many connections"
        case .tooManyCCIDs: "the relay closed its connection because too many terminals were to share it"
        case .superseded: "a newer connection took the place of its own"
        case .kicked: "an operator closed its connection"
        case .blocked: "it was blocked"
        case .shutdown: "the relay stopped"
        case .peerClosed: "it closed its connection"
        case .connectionLost: "its connection broke"
        }
    }
}
