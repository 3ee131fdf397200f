import NIOCore
import TTMSProtocol

@testable import RelayServer

/// One connection as the claims know it: what was written on it in both directions, and how far each has come.
final class ClaimedConnection {
    /// What a terminal has written.
    enum Item {
        case heartbeat(CCID)
        case data(Int)
        /// Something that ends the connection: nothing behind it counts.
        case noise
    }

    /// Everything from one connection, or from operators, to one terminal.
    struct Stream: Hashable {
        var sender: Int
        var destination: CCID
        /// See ``ClaimedConnection/Tenure``.
        var tenure = 0
    }

    /// The time for which a connection has had a terminal, until another asked for it.
    struct Tenure {
        var number = 0
        /// The step in which it began.
        var since = 0
    }

    /// A heartbeat that the relay has read.
    struct Heartbeat {
        var connection: Int
        var readIn: Int
        /// The step by whose end it was handled, at the latest.
        var handledIn = Int.max
        /// The step in which it was answered, which it may have to wait for: only then it takes the terminal.
        var repliedIn: Int?
    }

    /// What the relay has written.
    struct Outgoing {
        var end: Int
        /// `nil` for a reply.
        var number: Int?
        var tenure = 0
        /// The step in which the relay was told that it is acknowledged.
        var reportedIn: Int?
    }

    let number: Int
    /// The life of the process that it was made to.
    let life: Int
    private let socket: SimulatedSocket
    /// Until its process ends.
    var connection: TerminalConnection?
    /// It has left one shard, and is not on the next: what it brought is not handled.
    private var isMoving: Bool { self.connection?.phase == .moved }

    var items: [(end: Int, item: Item)] = []
    private var read = 0
    private var handled = 0
    private var replied = 0
    /// Noise has been read.
    var isBroken = false
    /// Terminals whose heartbeats have been read.
    var registered: Set<CCID> = []
    /// Heartbeats that have been read.
    var heartbeats = 0
    /// How often the relay has taken more for delivered.
    private var heartbeatsUsed = 0

    var outgoing: [Outgoing] = []
    private var arrived = 0
    private var reported = 0
    private var confirmed = 0
    /// By the replies to its heartbeats.
    var tenures: [CCID: Tenure] = [:]
    /// Per stream, what arrived here last.
    var latest: [Stream: Int] = [:]

    init(_ socket: SimulatedSocket, life: Int) {
        self.number = socket.number
        self.life = life
        self.socket = socket
    }

    /// Hands out what was read wholly, unless noise came before it.
    func takeItems(upTo given: Int, _ body: (Item) -> Void) {
        while self.read < self.items.count, self.items[self.read].end <= given {
            if !self.isBroken { body(self.items[self.read].item) }
            self.read += 1
        }
    }

    /// Hands out what has been handled.
    ///
    /// - Parameter dropped: what never will be: it waited for room in the store when the connection ended.
    /// - Returns: whether that is all that was read.
    func takeHandled(dropped: (Item) -> Void, _ body: (Item) -> Void) -> Bool {
        guard !self.isMoving else { return false }
        let isOpen = self.connection.map { $0.closeReason == nil } ?? false
        let isHeldBack = self.connection.map { $0.isPaused(for: .full) || $0.isPaused(for: .store) } ?? false
        let kept = isOpen || isHeldBack ? self.connection?.unfinished.readableBytes ?? 0 : 0
        while self.handled < self.read, self.items[self.handled].end <= self.socket.given - kept {
            body(self.items[self.handled].item)
            self.handled += 1
        }
        while !isOpen, self.handled < self.read {
            dropped(self.items[self.handled].item)
            self.handled += 1
        }
        return self.handled == self.read
    }

    /// Hands out the messages that the next reply is a receipt for.
    ///
    /// - Returns: whose heartbeat it answers; `nil` when there is none.
    func takeReplied(_ body: (Int) -> Void) -> CCID? {
        while self.replied < self.items.count {
            let item = self.items[self.replied].item
            self.replied += 1
            switch item {
            case .data(let number): body(number)
            case .heartbeat(let ccid): return ccid
            case .noise: return nil
            }
        }
        return nil
    }

    func takeArrived(upTo delivered: Int, _ body: (Int, Int) -> Void) {
        while self.arrived < self.outgoing.count, self.outgoing[self.arrived].end <= delivered {
            let outgoing = self.outgoing[self.arrived]
            if let number = outgoing.number { body(number, outgoing.tenure) }
            self.arrived += 1
        }
    }

    func takeReported(upTo offset: Int, step: Int, _ body: (Int) -> Void) {
        while self.reported < self.outgoing.count, self.outgoing[self.reported].end <= offset {
            self.outgoing[self.reported].reportedIn = step
            if let number = self.outgoing[self.reported].number { body(number) }
            self.reported += 1
        }
    }

    /// Hands out what the relay takes for delivered.
    ///
    /// - Returns: whether it may: the terminal's kernel has it, and there is a heartbeat for each time.
    func takeConfirmed(step: Int, _ body: (Int) -> Void) -> Bool {
        guard let offset = self.connection.map({ Int($0.outbound.acknowledged) }), offset > self.confirmed else { return true }
        guard offset <= self.socket.delivered, self.heartbeats > self.heartbeatsUsed else { return false }
        self.confirmed = offset
        self.heartbeatsUsed += 1
        self.takeReported(upTo: offset, step: step, body)
        return true
    }

    /// Since which step the relay has known that this connection's terminal has a message.
    func known(_ number: Int) -> Int? {
        self.outgoing.first { $0.number == number }?.reportedIn
    }

    /// The step of its first heartbeat among `heartbeats`.
    func openedIn(_ heartbeats: [Heartbeat]) -> Int {
        heartbeats.first { $0.connection == self.number }?.readIn ?? 0
    }
}
