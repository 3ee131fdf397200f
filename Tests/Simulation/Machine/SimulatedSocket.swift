import Glibc
import NIOCore
import TTMSProtocol
import TestKit

/// One TCP connection as its two kernels see it.
///
/// Towards the terminal, offsets count the bytes of the connection: `consumed <= delivered`, `acknowledged <= delivered <= sent`.
/// The relay's kernel has taken `sent`, the terminal's has got `delivered`, the relay's knows that of `acknowledged`, and the
/// terminal's program has read `consumed`. Nothing moves by itself; the schedule moves it, at boundaries of its own.
final class SimulatedSocket {
    /// How one end is done with the connection.
    enum End {
        /// It is not.
        case open
        /// It sends nothing more, and reads on.
        case finished
        /// It is closed: what still comes is answered with RST.
        case closed
        /// It is gone, and nobody says so.
        case vanished
    }

    /// Unique in its world.
    let number: Int
    /// The relay's newest one for it.
    weak var channel: SimulatedChannel?
    private unowned let claims: Claims
    private var random: SeededGenerator
    private let fault: PlantedFault?

    // To the terminal.
    private let sendCapacity: Int
    private let receiveCapacity: Int
    private(set) var sent = 0
    private(set) var delivered = 0
    private(set) var acknowledged = 0
    private(set) var consumed = 0
    /// The round trip that the relay's kernel has measured, µs; 0 while it has none.
    var roundTrip = 0
    /// What the relay has been told to be acknowledged.
    private(set) var reported = 0
    /// Bytes sent of a piece whose end is not: SwiftNIO does not tell the relay of them, so it takes as many less for acknowledged.
    var unfinishedPiece = 0
    private var reader = RelayedFrames()
    /// What the relay has given to SwiftNIO while the socket was full: which bytes, and in which step that was.
    private var pieces: [(bytes: Range<Int>, step: Int)] = []

    // From the terminal.
    private var inTransit: [UInt8] = []
    private var arrivedBytes: [UInt8] = []
    /// Bytes that the relay has read.
    private(set) var given = 0
    /// Bytes that the terminal has written.
    private(set) var written = 0
    /// Where bytes may be cut: anywhere, or in `marker` only behind these offsets.
    private var cuts: [Int]?

    /// Whether what the terminal writes can arrive in any pieces; otherwise only in whole frames.
    var isCutAnywhere: Bool { self.cuts == nil }

    private(set) var terminalEnd = End.open
    private(set) var relayEnd = End.open
    /// RST has come to the relay, or its kernel has given up.
    private(set) var relayError: CInt?
    /// The relay has been told of the terminal's FIN, or of the error.
    var isEndTold = false
    /// RST has come to the terminal, or FIN behind all bytes.
    private(set) var isOverForTerminal = false
    private var isResetOnItsWay = false

    init(
        number: Int,
        claims: Claims,
        capacity: (send: Int, receive: Int),
        isCutAnywhere: Bool,
        fault: PlantedFault?,
        seed: UInt64
    ) {
        self.number = number
        self.claims = claims
        (self.sendCapacity, self.receiveCapacity) = capacity
        self.cuts = isCutAnywhere ? nil : []
        self.fault = fault
        self.random = SeededGenerator(seed: seed)
    }

    // MARK: The relay's system calls

    /// - Returns: bytes taken, or the negative errno.
    func send(_ vectors: [UnsafeRawBufferPointer]) -> Int {
        if let relayError { return -Int(relayError) }
        var room = self.sendCapacity - (self.sent - self.acknowledged)
        // A kernel may take less than it has room for.
        if room > 1, Int.random(in: 0..<8, using: &self.random) == 0 { room = Int.random(in: 1...room, using: &self.random) }
        guard room > 0 else { return -Int(EAGAIN) }
        var taken = 0
        for vector in vectors where taken < room {
            let piece = UnsafeRawBufferPointer(rebasing: vector.prefix(room - taken))
            taken += piece.count
            self.reader.append(piece)
        }
        self.pieces.append((self.sent..<(self.sent + taken), self.claims.step))
        self.sent += taken
        self.reader.readFrames { frame, end in
            if self.fault == .socketSpoilsByte, Int.random(in: 0..<8, using: &self.random) == 0 { frame[frame.count / 2] ^= 1 }
            return self.claims.sent(frame, end: end, on: self)
        }
        return taken
    }

    /// SwiftNIO has been given the next `count` bytes, and writes them when there is room.
    func handed(_ count: Int) {
        self.pieces.append((self.sent..<(self.sent + count), self.claims.step))
    }

    /// The step in which the byte at `offset`, which has been sent, left the relay's hands: by sending it, or a frame's rest later.
    func handedIn(_ offset: Int) -> Int? {
        self.pieces.first { $0.bytes.contains(offset) }?.step
    }

    var unacknowledged: Int {
        let known = self.fault == .socketAcknowledgesTooMuch ? min(self.sent, self.acknowledged + 1) : self.acknowledged
        self.reported = max(self.reported, self.acknowledged - self.unfinishedPiece)
        self.claims.reported(on: self)
        return self.sent - known
    }

    var arrived: Int { self.arrivedBytes.count }

    /// Whether a read brings something; in `marker`, something whole.
    var isReadable: Bool {
        guard let cuts else { return !self.arrivedBytes.isEmpty }
        return cuts.contains { $0 > self.given && $0 <= self.given + self.arrived }
    }

    /// Reads at most `limit` bytes; in `marker` up to the end of a frame, and at least one.
    func read(limit: Int) -> [UInt8] {
        var count = min(limit, self.arrived)
        if let cuts {
            let end = cuts.last { $0 > self.given && $0 <= self.given + count } ?? cuts.first { $0 > self.given }
            count = min(self.arrived, (end ?? .max) - self.given)
        }
        let bytes = Array(self.arrivedBytes.prefix(count))
        self.arrivedBytes.removeFirst(bytes.count)
        self.given += bytes.count
        self.claims.given(on: self)
        return bytes
    }

    func discard(limit: Int) {
        self.arrivedBytes.removeFirst(min(limit, self.arrivedBytes.count))
    }

    /// The relay, or the death of its process, closes the descriptor.
    func closeByRelay() {
        self.relayEnd = .closed
        if !self.arrivedBytes.isEmpty || self.relayError != nil {
            // Unread bytes: RST, and what is on its way from here is dropped.
            self.isOverForTerminal = true
        }
        self.finishIfDone()
    }

    /// The relay's machine lost its power: nothing that was on its way arrives.
    func cutRelayOff() {
        self.relayEnd = .vanished
        self.isOverForTerminal = true
    }

    // MARK: The terminal

    var canWrite: Bool { self.terminalEnd == .open && !self.isOverForTerminal }

    func write(_ bytes: [UInt8]) {
        self.inTransit += bytes
        self.written += bytes.count
        self.cuts?.append(self.written)
    }

    /// FIN; with unread bytes, closing sends RST instead.
    func finish(closes: Bool) {
        guard self.terminalEnd == .open else { return }
        self.terminalEnd = closes ? .closed : .finished
        if closes, self.consumed < self.delivered { self.isResetOnItsWay = true }
    }

    /// What is on its way to the relay is overtaken.
    func reset() {
        guard self.terminalEnd != .vanished else { return }
        self.terminalEnd = .closed
        self.inTransit = []
        self.isResetOnItsWay = true
    }

    func vanish() {
        self.terminalEnd = .vanished
        self.inTransit = []
    }

    /// The relay's kernel has waited long enough for a terminal that vanished.
    func giveUp() {
        if self.terminalEnd == .vanished, self.relayEnd == .open { self.relayError = self.relayError ?? ETIMEDOUT }
    }

    func consume(_ limit: Int) {
        guard self.terminalEnd == .open || self.terminalEnd == .finished else { return }
        self.consumed = min(self.delivered, self.consumed + limit)
    }

    // MARK: The network

    var toRelay: Int { self.inTransit.count }
    var hasNewsForRelay: Bool {
        guard self.terminalEnd != .vanished, self.relayError == nil else { return false }
        return self.toRelay > 0 || (self.isResetOnItsWay && self.relayEnd == .open)
    }
    /// Nothing is under way, unread, or to be told.
    var isQuiet: Bool {
        let isRead = self.relayEnd != .open || self.arrived == 0
        let isConsumed = self.consumed == self.delivered || self.terminalEnd == .closed || self.terminalEnd == .vanished
        return !self.hasNewsForRelay && self.toTerminal == 0 && self.toAcknowledge == 0 && isRead && isConsumed
            && !self.isEndDue
    }
    var toTerminal: Int { self.isOverForTerminal || self.relayError != nil ? 0 : self.sent - self.delivered }
    var toAcknowledge: Int { self.terminalEnd == .vanished ? 0 : self.delivered - self.acknowledged }
    var hasRoom: Bool { self.sent - self.acknowledged < self.sendCapacity || self.relayError != nil }
    /// The terminal's FIN or RST has come, or its silence has been noticed, and the relay has to be told.
    var isEndDue: Bool {
        guard !self.isEndTold, self.relayEnd == .open else { return false }
        return self.relayError != nil
            || (self.inTransit.isEmpty && (self.terminalEnd == .finished || self.terminalEnd == .closed))
    }

    func carryToRelay(_ limit: Int) {
        guard self.terminalEnd != .vanished else { return }
        if self.isResetOnItsWay, self.inTransit.isEmpty {
            self.relayError = ECONNRESET
            return
        }
        let count = min(limit, self.inTransit.count)
        if self.relayEnd == .open {
            self.arrivedBytes += self.inTransit.prefix(count)
        } else if count > 0 {
            self.isOverForTerminal = true
        }
        self.inTransit.removeFirst(count)
    }

    func carryToTerminal(_ limit: Int) {
        guard self.terminalEnd != .vanished, self.toTerminal > 0 else { return }
        if self.terminalEnd == .closed {
            self.isResetOnItsWay = true
            return
        }
        let room = self.receiveCapacity - (self.delivered - self.consumed)
        self.delivered += min(limit, room, self.toTerminal)
        self.claims.delivered(on: self)
        self.finishIfDone()
    }

    func carryAcknowledgement(_ limit: Int) {
        // After the relay's close nobody asks any more.
        guard self.terminalEnd != .vanished, self.relayError == nil else { return }
        self.acknowledged += min(limit, self.toAcknowledge)
    }

    private func finishIfDone() {
        if self.relayEnd == .closed, self.delivered == self.sent { self.isOverForTerminal = true }
    }
}
