import AdminAPI
import RelayCore
import TTMSProtocol

/// The reason of a message's state in plain words, made from the known facts of the message and its terminal.
struct Explanation {
    /// The message.
    var message: MessageResource
    /// Stored frames before it, while it is stored.
    var framesAhead: Int?
    /// Its destination; `nil` when it was not seen since the relay started, and has no stored frames.
    var terminal: TerminalSnapshot?
    /// The block of the destination, while it is offline.
    var block: BlockRecord?

    /// The reason in one sentence.
    var text: String {
        switch self.message.state {
        case .accepted, .queued: self.waiting + self.cadenceText + self.expiry
        case .inFlight: self.inFlight
        case .acknowledged:
            "It was delivered: the terminal's kernel acknowledged it\(self.at(.acknowledged)); no heartbeat has been received since "
                + "on the same connection" + (self.terminal?.isOnline == true ? self.cadenceText : "") + "."
        case .confirmed:
            "It was delivered: the terminal's kernel acknowledged it\(self.at(.acknowledged)), and a heartbeat came after that"
                + "\(self.at(.confirmed))."
        case .expired: self.ended("its time to live ended, and it expired\(self.at(.expired))")
        case .deleted: self.ended("an operator deleted it\(self.at(.deleted))")
        case .evicted:
            self.ended(
                "the queue was full, and it was evicted as the oldest\(self.at(.evicted)), as `when_full` states, at one of the limits "
                    + "maximum_frames_per_terminal, maximum_bytes_per_terminal, maximum_frames and maximum_bytes"
            )
        }
    }

    private var inFlight: String {
        let written = "It was written to the terminal's connection\(self.at(.inFlight))"
        if self.terminal?.connection?.confirm == .heartbeat {
            return
                "\(written); on this listener only a heartbeat confirms its arrival (`confirm: heartbeat`), and none has come since"
                + self.cadenceText + "."
        }
        return "\(written), and the terminal has not acknowledged it yet\(self.unacknowledged)\(self.cadenceText)."
    }

    /// The reason for the end of a message that was not acknowledged. A message that was written may have arrived.
    private func ended(_ end: String) -> String {
        guard (self.message.attempts ?? 0) > 0 else { return "It was not delivered: \(end), before it was written." }
        return
            "It was written\(self.at(.inFlight)) and not acknowledged, so the terminal may have it; then it was requeued, "
            + "and \(end)."
    }

    private var waiting: String {
        let ccid = self.message.ccid
        let ahead = self.framesAhead ?? 0
        let before = ahead == 0 ? "none before it" : ahead == 1 ? "1 frame before it" : "\(ahead) frames before it"
        let again = (self.message.attempts ?? 0) > 0 ? ", after it was written and not acknowledged" : ""
        if let block { return "It waits\(again), with \(before), because \(Self.text(block, ccid))" }
        guard let terminal = self.terminal, terminal.since != nil || terminal.isOnline else {
            return "It waits\(again), with \(before), because the terminal \(ccid) has not been seen since the relay started"
        }
        let since = terminal.since.map { " since \($0.text)" } ?? ""
        guard let connection = terminal.connection else {
            let reason = terminal.lastCloseReason.map { ", when \($0.words)" } ?? ""
            return "It waits\(again), with \(before), because the terminal \(ccid) is offline\(since)\(reason)"
        }
        guard connection.isSpilled else {
            return "It is about to be written\(again), with \(before): the terminal \(ccid) is online\(since)"
        }
        return "It waits\(again), with \(before), because the terminal \(ccid) is online\(since) but reads slowly: "
            + "\(connection.unacknowledgedBytes) bytes are on their way to it"
    }

    private static func text(_ block: BlockRecord, _ ccid: String) -> String {
        let target =
            switch block.target {
            case .ccid: "the terminal \(ccid)"
            case .network(let network): "\(network), which contains the last address of the terminal \(ccid),"
            }
        let end = block.expiresAt.map { ", until \($0.text)" } ?? ", until an operator removes the block"
        return "\(target) is blocked since \(block.createdAt.text)\(end)"
    }

    /// The terminal's cadence; empty when it is not known.
    private var cadenceText: String {
        guard let cadence = self.terminal?.cadence else { return "" }
        let next = cadence.isLate ? "the next is overdue since" : "the next is due by"
        return
            "; its heartbeats come every \(Self.text(milliseconds: cadence.intervalMilliseconds)), and \(next) \(cadence.dueAt.text)"
    }

    /// Formats to two digits or so: a cadence is not more exact than that.
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

    /// The answer in the API's form.
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
    /// The end of the connection, as a clause after "when".
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
