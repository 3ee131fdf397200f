import NIOCore
import TTMSProtocol

/// One terminal's queue as decisions: where the next frame goes, and when the store is asked for kept ones.
///
/// A terminal's frames are, oldest first: in flight on its connection, kept by the store, held here. Invariants:
/// 1. What the store keeps is older than what is held, and both are older than the next frame.
/// 2. Frames in flight that the store does not keep are newer than everything that it keeps. So before a frame goes to the store,
///    those in flight go there (``Placement/store``, with ``DeliveryWindow/journal()``).
/// 3. At most one read is outstanding; its answer counts only with the token of the latest read.
///
/// Submissions to the store are numbered, and a read sees every append of its own and of earlier submissions. That is how a mailbox
/// knows that it has caught up: the read came back empty, and no append is younger than it.
public struct Mailbox: Sendable {
    /// Where the mailbox stands.
    public enum Mode: Equatable, Sendable {
        /// No connection. Frames go to the store.
        case offline
        /// Connected; the store may have frames. New ones are held until it has been asked.
        case catchingUp
        /// Connected; the store has more than can be sent now. New frames go behind them.
        case draining
        /// Connected, and nothing kept: frames go straight to the connection.
        case live
        /// Connected, but the peer has sent its last byte: what is in flight may still arrive, new frames wait for the next
        /// connection.
        case finishing
    }

    /// Where a frame goes.
    public enum Placement: Equatable, Sendable {
        /// To the connection.
        case live
        /// To ``hold(_:)``.
        case held
        /// To the store, after the frames in flight that it does not keep.
        case store
    }

    /// Where the mailbox stands.
    public private(set) var mode = Mode.offline
    /// The token of the outstanding read.
    public private(set) var outstandingRead: UInt64?
    private var nextToken: UInt64 = 1
    /// The submission that carries the outstanding, or else the latest, read.
    private var readSubmission: UInt64 = 0
    /// The submission that carries the latest append.
    public private(set) var appendSubmission: UInt64 = 0
    /// A read is due when the connection has room.
    private var wantsRead = false
    /// The connection ended, and the store has not been told yet to take back what was in flight.
    private var wantsRewind = false
    /// Appends of frames in flight whose ids are not known yet: what is delivered of them cannot be removed before.
    private var outstandingJournals = 0

    /// Every frame goes through the store (`journal_after: 0`, or the terminal is traced): the mailbox is never live.
    public private(set) var isWriteThrough: Bool

    /// Makes the mailbox of a terminal that is offline.
    ///
    /// - Parameter isWriteThrough: every frame goes through the store.
    public init(isWriteThrough: Bool = false) {
        self.isWriteThrough = isWriteThrough
    }

    /// Where the next frame goes.
    @inlinable
    public var placement: Placement {
        switch self.mode {
        case .live: .live
        case .catchingUp: .held
        case .offline, .draining, .finishing: .store
        }
    }

    /// Whether the store should be asked as soon as the connection has room.
    public var isReadDue: Bool {
        self.wantsRead && self.outstandingRead == nil && !self.wantsRewind
    }

    /// Whether nothing is under way that needs the mailbox: it may be forgotten while it is offline.
    public var isSettled: Bool {
        self.mode == .offline && self.outstandingRead == nil && self.outstandingJournals == 0 && !self.wantsRewind
    }

    /// A frame was appended in the submission of this number.
    public mutating func appended(in submission: UInt64) {
        self.appendSubmission = submission
        // Only a mailbox that is written through drains without a read outstanding or due.
        if self.mode == .draining, self.outstandingRead == nil { self.wantsRead = true }
    }

    /// The terminal has come to who counts submissions by itself: all that was appended until now has been carried out, and counts
    /// as in the `latest` of them, for who waits until it is durable.
    public mutating func renumber(latest: UInt64) {
        self.appendSubmission = latest
        self.readSubmission = latest
    }

    /// Frames in flight were appended, and a receipt will tell their ids.
    public mutating func journalStarted(in submission: UInt64) {
        self.appendSubmission = submission
        self.outstandingJournals += 1
    }

    /// The receipt came.
    public mutating func journalCompleted() {
        self.outstandingJournals -= 1
    }

    /// A connection registered the terminal: ask the store, unless it is known to keep nothing.
    ///
    /// - Parameter storeIsEmpty: nothing is kept for the terminal, and nothing is on its way to the store.
    public mutating func attached(storeIsEmpty: Bool = false) {
        if storeIsEmpty, self.isSettled, !self.isWriteThrough {
            self.mode = .live
            return
        }
        self.mode = self.isWriteThrough ? .draining : .catchingUp
        self.wantsRead = true
    }

    /// The connection is gone, or another has the terminal: what is in flight goes back. What was held has to be appended.
    public mutating func detached() {
        self.mode = .offline
        self.wantsRead = false
        self.wantsRewind = true
    }

    /// The connection is over its high watermark, or more is held than may be, or an operator's frame was appended: new frames
    /// go to the store, behind what has been appended.
    public mutating func spill() {
        guard self.mode == .live || self.mode == .catchingUp else { return }
        self.mode = .draining
        self.wantsRead = true
    }

    /// The peer has sent its last byte (FIN): nothing more is put on the connection. What is in flight or held goes to the store
    /// first, as before ``spill()``.
    public mutating func finish() {
        guard self.mode != .offline else { return }
        self.mode = .finishing
        self.wantsRead = false
    }

    /// From here on every frame goes through the store, or only those that have to. Before it begins, what is in flight and held has
    /// to go there (``spill()``).
    public mutating func setWriteThrough(_ isWriteThrough: Bool) {
        self.isWriteThrough = isWriteThrough
        // The answer to one more read ends the draining, as soon as nothing is left.
        if !isWriteThrough, self.mode == .draining, self.outstandingRead == nil { self.wantsRead = true }
    }

    /// Whether the store should take the frames in flight back now: the connection is gone, and nothing is under way whose answer
    /// would then speak of frames that are queued again.
    public mutating func rewindIfDue() -> Bool {
        guard self.wantsRewind, self.outstandingRead == nil, self.outstandingJournals == 0 else { return false }
        self.wantsRewind = false
        return true
    }

    /// Whether the store should be asked now; the caller knows that the connection has room.
    ///
    /// - Parameter submission: the number of the submission that will carry the read.
    /// - Returns: the read's token.
    public mutating func readIfDue(submission: UInt64) -> UInt64? {
        guard self.isReadDue else { return nil }
        let token = self.nextToken
        self.nextToken += 1
        self.outstandingRead = token
        self.readSubmission = submission
        self.wantsRead = false
        return token
    }

    /// What to do with the answer to a read.
    public enum ReadAction: Equatable, Sendable {
        /// Drop its frames: it was read for a connection that is gone, or ends, and the store takes them back with the others.
        case drop
        /// Write its frames.
        case write
        /// Write its frames, then those held: the mailbox is live.
        case writeAndGoLive
    }

    /// The answer to a read came; ``rewindIfDue()`` and ``readIfDue(submission:)`` tell what follows.
    ///
    /// - Parameter hasMore: queued frames remain behind those that were read.
    public mutating func readCompleted(token: UInt64, hasMore: Bool) -> ReadAction {
        guard token == self.outstandingRead else { return .drop }
        self.outstandingRead = nil
        if self.wantsRewind || self.mode == .finishing { return .drop }
        if hasMore {
            self.mode = .draining
            self.wantsRead = true
            return .write
        }
        if self.isWriteThrough {
            self.mode = .draining
            self.wantsRead = self.appendSubmission > self.readSubmission
            return .write
        }
        if self.appendSubmission > self.readSubmission {
            // Only what was appended meanwhile is left: hold what comes from here on, and catch up with one more read.
            self.mode = .catchingUp
            self.wantsRead = true
            return .write
        }
        self.mode = .live
        return .writeAndGoLive
    }

    /// The read could not be answered: it is due again.
    public mutating func readFailed(token: UInt64) {
        guard token == self.outstandingRead else { return }
        self.outstandingRead = nil
        if !self.wantsRewind, self.mode != .finishing { self.wantsRead = true }
    }
}
