import NIOCore
import TTMSProtocol

/// State machine of one terminal's queue: it decides where the next frame goes, and when the store is read.
///
/// A terminal's frames are, oldest first: in flight on its connection, in the store, held by the caller. Invariants:
/// 1. Stored frames are older than held ones, and both are older than the next frame.
/// 2. Frames in flight that the store does not have are newer than all stored frames. So before a frame is appended, those in
///    flight are journaled (``Placement/store``, with ``DeliveryWindow/journal()``).
/// 3. At most one read is outstanding. An answer is valid only with the token of the latest read.
///
/// Submissions to the store are numbered. A read sees every append of its own and of earlier submissions. So a mailbox has caught
/// up when a read finds nothing more and no append has a later submission.
public struct Mailbox: Sendable {
    /// State of the mailbox.
    public enum Mode: Equatable, Sendable {
        /// No connection: frames go to the store.
        case offline
        /// Connected, and the store may have frames: new ones are held until it has been read.
        case catchingUp
        /// Connected, and the store has more than can be sent now: new frames are appended after them.
        case draining
        /// Connected, and nothing stored: frames go straight to the connection.
        case live
        /// Connected, but the peer has sent its FIN. Frames in flight may still arrive; new frames wait in the store for the next
        /// connection.
        case finishing
    }

    /// Place of a new frame.
    public enum Placement: Equatable, Sendable {
        /// It is written to the connection.
        case live
        /// The caller holds it in memory until the store has been read.
        case held
        /// It is appended to the store, after the frames in flight that the store does not have.
        case store
    }

    /// Present state.
    public private(set) var mode = Mode.offline
    /// Token of the outstanding read.
    public private(set) var outstandingRead: UInt64?
    private var nextToken: UInt64 = 1
    /// Number of the submission with the outstanding read, or else with the latest one.
    private var readSubmission: UInt64 = 0
    /// Number of the submission with the latest append.
    public private(set) var appendSubmission: UInt64 = 0
    /// Whether a read is due as soon as the connection has room.
    private var wantsRead = false
    /// Whether the connection has ended and the store is still to requeue the frames in flight.
    private var wantsRewind = false
    /// Journaled runs whose ids are not known yet. Frames of them that are delivered cannot be removed before.
    private var outstandingJournals = 0

    /// Whether every frame goes through the store (`journal_after: 0`, or the terminal is traced). The mailbox is never live then.
    public private(set) var isWriteThrough: Bool

    /// Makes the mailbox of a terminal that is offline.
    ///
    /// - Parameter isWriteThrough: whether every frame goes through the store.
    public init(isWriteThrough: Bool = false) {
        self.isWriteThrough = isWriteThrough
    }

    /// Place of the next frame.
    @inlinable
    public var placement: Placement {
        switch self.mode {
        case .live: .live
        case .catchingUp: .held
        case .offline, .draining, .finishing: .store
        }
    }

    /// Whether the store is to be read as soon as the connection has room.
    public var isReadDue: Bool {
        self.wantsRead && self.outstandingRead == nil && !self.wantsRewind
    }

    /// Whether no answer is outstanding: the mailbox may be removed while it is offline.
    public var isSettled: Bool {
        self.mode == .offline && self.outstandingRead == nil && self.outstandingJournals == 0 && !self.wantsRewind
    }

    /// Records that a frame was appended in the submission of this number.
    public mutating func appended(in submission: UInt64) {
        self.appendSubmission = submission
        // Only a mailbox that is written through is draining without a read that is outstanding or due.
        if self.mode == .draining, self.outstandingRead == nil { self.wantsRead = true }
    }

    /// Records that the terminal has moved to a client that numbers submissions by itself. All earlier appends have been carried
    /// out. For waits until they are durable, they count as part of `latest`.
    public mutating func renumber(latest: UInt64) {
        self.appendSubmission = latest
        self.readSubmission = latest
    }

    /// Records that frames in flight were appended and that a receipt will bring their ids.
    public mutating func journalStarted(in submission: UInt64) {
        self.appendSubmission = submission
        self.outstandingJournals += 1
    }

    /// Records the receipt of a journaled run.
    public mutating func journalCompleted() {
        assert(self.outstandingJournals > 0, "a receipt without a journaled run")
        self.outstandingJournals -= 1
    }

    /// Records a registration. The store is then read, unless it is known to have nothing.
    ///
    /// - Parameter storeIsEmpty: whether nothing is stored for the terminal, and nothing is on its way to the store.
    public mutating func attached(storeIsEmpty: Bool = false) {
        if storeIsEmpty, self.isSettled, !self.isWriteThrough {
            self.mode = .live
            return
        }
        self.mode = self.isWriteThrough ? .draining : .catchingUp
        self.wantsRead = true
        self.checkInvariants()
    }

    /// Records that the connection has ended, or that another one has the terminal. Frames in flight are requeued; the caller
    /// appends the held ones.
    public mutating func detached() {
        self.mode = .offline
        self.wantsRead = false
        self.wantsRewind = true
        self.checkInvariants()
    }

    /// Makes new frames go to the store, after those that were appended. Called at the high watermark, at the limit of held frames,
    /// and after an operator's append.
    public mutating func spill() {
        guard self.mode == .live || self.mode == .catchingUp else { return }
        self.mode = .draining
        self.wantsRead = true
        self.checkInvariants()
    }

    /// Records the peer's FIN: nothing more is put on the connection. As before ``spill()``, frames in flight or held are appended
    /// first.
    public mutating func finish() {
        guard self.mode != .offline else { return }
        self.mode = .finishing
        self.wantsRead = false
        self.checkInvariants()
    }

    /// Sets whether every frame goes through the store. Before it is switched on, frames in flight and held have to be appended
    /// (``spill()``).
    public mutating func setWriteThrough(_ isWriteThrough: Bool) {
        self.isWriteThrough = isWriteThrough
        // The answer to one more read ends the draining as soon as nothing is left.
        if !isWriteThrough, self.mode == .draining, self.outstandingRead == nil { self.wantsRead = true }
    }

    /// Returns whether the store is to requeue the frames in flight now. The connection has ended, and no answer is outstanding
    /// that could concern frames that are queued again.
    public mutating func rewindIfDue() -> Bool {
        guard self.wantsRewind, self.outstandingRead == nil, self.outstandingJournals == 0 else { return false }
        self.wantsRewind = false
        return true
    }

    /// Begins a read if one is due. The caller checks that the connection has room.
    ///
    /// - Parameter submission: the number of the submission that will carry the read.
    /// - Returns: the read's token; `nil` when no read is due.
    public mutating func readIfDue(submission: UInt64) -> UInt64? {
        guard self.isReadDue else { return nil }
        let token = self.nextToken
        self.nextToken += 1
        self.outstandingRead = token
        self.readSubmission = submission
        self.wantsRead = false
        self.checkInvariants()
        return token
    }

    /// Action after the answer to a read.
    public enum ReadAction: Equatable, Sendable {
        /// Drop its frames: their connection has ended or is ending, and the store requeues them with the others.
        case drop
        /// Write its frames.
        case write
        /// Write its frames, then the held ones: the mailbox is live.
        case writeAndGoLive
    }

    /// Records the answer to a read. Afterwards the caller checks ``rewindIfDue()`` and ``readIfDue(submission:)``.
    ///
    /// - Parameter hasMore: whether queued frames remain after those that were read.
    public mutating func readCompleted(token: UInt64, hasMore: Bool) -> ReadAction {
        guard token == self.outstandingRead else { return .drop }
        self.outstandingRead = nil
        defer { self.checkInvariants() }
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
            // Only frames appended meanwhile are left: new ones are held, and one more read catches up.
            self.mode = .catchingUp
            self.wantsRead = true
            return .write
        }
        self.mode = .live
        return .writeAndGoLive
    }

    /// Records a failed read, which is due again.
    public mutating func readFailed(token: UInt64) {
        guard token == self.outstandingRead else { return }
        self.outstandingRead = nil
        if !self.wantsRewind, self.mode != .finishing { self.wantsRead = true }
        self.checkInvariants()
    }

    private func checkInvariants() {
        assert(self.outstandingJournals >= 0)
        assert(self.outstandingRead.map { $0 < self.nextToken } ?? true, "a token that was never given")
        assert(!self.wantsRead || (self.mode != .offline && self.mode != .finishing), "a read that no connection can take")
        assert(!self.isSettled || !self.wantsRead, "a settled mailbox with a read due")
    }
}
