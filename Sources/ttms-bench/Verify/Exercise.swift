import Glibc
import TTMSProtocol

/// A run: one thread polls the sockets of all terminals, gives each its turn to send, and records everything in the history.
struct Exercise {
    private let plan: Plan
    private var history: History
    private var terminals: [SimulatedTerminal]
    private var random: SplitMix64
    private var reconnections = 0
    private var brokenConnections = 0
    private var lastProgress = ContinuousClock.now
    private let request = EndRequest()

    init(_ plan: Plan) {
        var random = SplitMix64(seed: plan.seed)
        // A random number besides the seed: payloads left by an earlier run with the same seed have to be recognised as
        // foreign.
        let run = UInt64.random(in: 0...UInt64.max)
        self.plan = plan
        self.history = History(run: run, terminals: plan.terminals, firstCCID: plan.firstCCID.rawValue)
        self.terminals = (0..<plan.terminals).map { index in
            SimulatedTerminal(
                index: index,
                ccid: CCID(rawValue: plan.firstCCID.rawValue + UInt32(index)),
                patience: Self.patience(plan, &random)
            )
        }
        self.random = random
    }

    /// Plays the plan until every payload is accounted for, or nothing has moved for too long.
    ///
    /// - Throws: ``Stream/ConnectError`` when the relay cannot be reached at the beginning.
    mutating func run() throws -> Report {
        for index in self.terminals.indices { try self.connect(index) }
        var givenUp: String?
        while !self.isOver {
            if self.brokenConnections > 0, !self.plan.toleratesRestarts {
                givenUp = "the relay closed the connection of a terminal that had done nothing wrong"
                break
            }
            if self.lastProgress.duration(to: .now) > self.plan.patience {
                givenUp = "no progress for \(self.plan.patience); \(self.history.undecided) payloads without receipt"
                break
            }
            for index in self.terminals.indices { self.takeTurn(index) }
            self.pollSockets()
        }
        return Report(
            seed: self.plan.seed,
            terminals: self.plan.terminals,
            tally: self.history.tally,
            lost: self.history.lost,
            uncertain: self.history.uncertain,
            reconnections: self.reconnections,
            brokenConnections: self.brokenConnections,
            toleratesRestarts: self.plan.toleratesRestarts,
            givenUp: givenUp
        )
    }

    private var areAllAway: Bool { self.terminals.allSatisfy { $0.stream == nil } }

    private var isAllSent: Bool { self.history.tally.sent >= self.plan.frames || self.request.isMade }

    /// Whether every terminal has sent a heartbeat after everything had arrived, and has received the reply.
    private var isOver: Bool { self.terminals.allSatisfy(\.hasSeenTheEnd) }

    // MARK: A terminal's turn

    private mutating func takeTurn(_ index: Int) {
        switch self.terminals[index].state {
        case .away(let until):
            // If all terminals are offline, none sends the payloads that another one waits for.
            guard self.history.tally.sent >= until || self.isAllSent || self.areAllAway else { return }
            // While the relay is down this fails, until it is back or the patience ends.
            if (try? self.connect(index)) != nil { self.reconnections += 1 }
        case .active where self.terminals[index].stream?.isBroken == false: self.work(index)
        case .active, .registering, .leaving, .finishing: break
        }
        self.terminals[index].stream?.flush()
    }

    private mutating func work(_ index: Int) {
        if self.isAllSent {
            let terminal = self.terminals[index]
            guard !terminal.awaitsReply, !terminal.hasSeenTheEnd else { return }
            if terminal.sinceHeartbeat > 0 || self.history.isComplete { self.heartbeat(index) }
            return
        }
        if self.plan.reconnectEvery > 0, self.terminals[index].patience <= 0, !self.terminals[index].awaitsReply {
            self.heartbeat(index)
            self.terminals[index].state = .leaving
            return
        }
        for _ in 0..<Plan.turn {
            guard !self.isAllSent, self.terminals[index].maySend else { break }
            self.sendPayload(index)
        }
        if self.terminals[index].sinceHeartbeat >= Plan.receiptInterval, !self.terminals[index].awaitsReply {
            self.heartbeat(index)
        }
    }

    private mutating func sendPayload(_ index: Int) {
        let destination = Int.random(in: 0..<self.plan.terminals, using: &self.random)
        let size = Int.random(in: NumberedPayload.minimumSize...self.plan.largestPayload, using: &self.random)
        let payload = self.history.send(from: index, to: destination)
        self.terminals[index].put(address: payload.destination, command: .data, content: payload.encoded(size: size))
        self.terminals[index].sinceHeartbeat += 1
        self.lastProgress = .now
    }

    private mutating func heartbeat(_ index: Int) {
        self.history.mark(index)
        self.terminals[index].put(address: self.terminals[index].ccid.rawValue, command: .heartbeat, content: [0, 0, 0, 0])
        self.terminals[index].awaitsReply = true
        self.terminals[index].asksForTheEnd = self.isAllSent && self.history.isComplete
        self.terminals[index].sinceHeartbeat = 0
    }

    // MARK: Connections

    private mutating func connect(_ index: Int) throws {
        self.terminals[index].stream = try Stream(self.plan.address)
        self.terminals[index].connection += 1
        self.terminals[index].state = .registering
        self.heartbeat(index)
    }

    private mutating func disconnect(_ index: Int, for payloads: Int) {
        self.terminals[index].stream = nil
        self.terminals[index].awaitsReply = false
        self.terminals[index].patience = Self.patience(self.plan, &self.random)
        self.terminals[index].state = .away(until: self.history.tally.sent + payloads)
    }

    /// Handles a connection that the relay has closed without reason.
    private mutating func broken(_ index: Int) {
        self.brokenConnections += 1
        self.history.abandon(index)
        self.disconnect(index, for: 0)
    }

    /// A number around `reconnectEvery`, so that the terminals do not leave at the same time.
    private static func patience(_ plan: Plan, _ random: inout SplitMix64) -> Int {
        plan.reconnectEvery == 0 ? 0 : Int.random(in: 1...plan.reconnectEvery * 2, using: &random)
    }

    // MARK: Received frames

    private mutating func pollSockets() {
        let connected = self.terminals.indices.filter { self.terminals[$0].stream != nil }
        var descriptors = connected.map { index in
            let stream = self.terminals[index].stream
            let events = POLLIN | (stream.map { $0.unsent > 0 } ?? false ? POLLOUT : 0)
            return pollfd(fd: stream?.descriptor ?? -1, events: Int16(events), revents: 0)
        }
        // While terminals have payloads to send, the poll does not wait long for received ones.
        guard poll(&descriptors, nfds_t(descriptors.count), self.isAllSent || connected.isEmpty ? 50 : 1) > 0 else { return }
        for (index, descriptor) in zip(connected, descriptors) where descriptor.revents & Int16(POLLIN | POLLHUP | POLLERR) != 0
        {
            self.read(index)
        }
    }

    private mutating func read(_ index: Int) {
        guard let stream = self.terminals[index].stream else { return }
        switch stream.read() {
        case .nothing: break
        case .frames(let frames):
            for frame in frames { self.receive(frame, index) }
        case .garbage:
            self.history.receiveGarbage()
            self.broken(index)
        case .ended:
            if case .finishing = self.terminals[index].state {
                self.disconnect(index, for: Int.random(in: 1...self.plan.longestAbsence, using: &self.random))
            } else {
                self.broken(index)
            }
        }
    }

    private mutating func receive(_ frame: [UInt8], _ index: Int) {
        let isSound = frame.withUnsafeBytes { bytes in
            bytes.baseAddress.map { Checksum.xor($0, count: bytes.count) } == 0
        }
        let address: UInt32 = frame[...].integer(at: Frame.addressOffset)
        switch (isSound, frame.starts(with: "$TTMX".utf8), Command(rawValue: frame[Frame.commandOffset])) {
        case (true, true, .data):
            self.lastProgress = .now
            self.terminals[index].patience -= 1
            self.history.receive(
                frame[Frame.contentOffset..<frame.count - 1],
                frameSource: address,
                receiver: index,
                connection: self.terminals[index].connection
            )
        case (true, false, .heartbeat) where address == self.terminals[index].ccid.rawValue: self.replied(index)
        default: self.history.receiveGarbage()
        }
    }

    private mutating func replied(_ index: Int) {
        self.history.confirm(index)
        self.terminals[index].awaitsReply = false
        switch self.terminals[index].state {
        case .registering: self.terminals[index].state = .active
        case .active: self.terminals[index].hasSeenTheEnd = self.terminals[index].asksForTheEnd
        case .leaving:
            self.terminals[index].stream?.finish()
            self.terminals[index].state = .finishing
        case .away, .finishing: break
        }
    }
}
