import NIOCore
import RelayCore
import TTMSProtocol
import TestKit

@testable import RelayServer

/// A relay, its terminals, its operators and its disk under one seed: what happens, and in which order, is drawn from it.
///
/// First everything that the schedule has happens at random (``Schedule/Event``). Then faults end, every device connects anew, and
/// all goes on until nothing moves any more; what has been promised must then have come true.
final class World {
    /// A connection with both its ends.
    struct Link {
        let terminal: SimulatedTerminal
        let socket: SimulatedSocket
        /// The channel that accepted it.
        let first: SimulatedChannel
        /// The one that it has now; while it moves, it has none that is active.
        var channel: SimulatedChannel { self.socket.channel ?? self.first }

        func isMoving(from former: SimulatedChannel) -> Bool { !former.isActive && self.socket.relayEnd == .open }
    }

    let schedule: Schedule
    let claims: Claims
    let clock = SimulatedClock()
    let fault: PlantedFault?
    var random: SeededGenerator
    var relay: SimulatedRelay
    var links: [Link] = []
    var diskFailure: StoreError?
    private var connections = 0
    /// Reads since the loop of this index has run what was ready.
    private var reads: [Int: Int] = [:]
    private var roundBegan: NIODeadline
    var lastSpoken = NIODeadline.uptimeNanoseconds(0)
    let trace: Trace

    init(seed: UInt64, fault: PlantedFault? = nil, isTraced: Bool = false) {
        self.schedule = Schedule(seed: seed)
        self.fault = fault
        self.random = SeededGenerator(seed: seed &+ 0x5eed)
        self.trace = Trace(isWanted: isTraced)
        self.claims = Claims(options: self.schedule.options, absent: [self.schedule.absent])
        self.roundBegan = self.clock.now
        let store = SimulatedStore(
            reopening: MemoryStore(limits: self.schedule.limits),
            claims: self.claims,
            clock: self.clock,
            fault: fault
        )
        self.relay = SimulatedRelay(
            options: self.schedule.options,
            store: store,
            movesConnections: self.schedule.movesConnections,
            claims: self.claims,
            clock: self.clock,
            trace: self.trace
        )
    }

    /// Runs it to its end.
    ///
    /// - Returns: what was violated; `nil` when nothing was.
    func run() -> String? {
        for step in 0..<self.schedule.steps where self.claims.violation == nil {
            self.claims.step = step
            self.happen(self.schedule.event(&self.random))
            self.endStep()
            if step.isMultiple(of: 16) { self.checkBounds() }
        }
        if self.claims.violation == nil { self.settle() }
        self.relay.kill()
        self.claims.leaveProcess()
        return self.claims.violation
    }

    func note(_ text: @autoclosure () -> String) {
        self.trace.note("\(self.claims.step) at \(self.clock.now.uptimeNanoseconds / 1_000) us: \(text())")
    }

    func endStep() {
        self.claims.noteHandled()
        // A round: every loop has done all that was due long enough after its beginning, and all that came of it is durable.
        guard self.relay.isResting, self.diskFailure == nil else { return }
        let window: TimeAmount = if case .after(let time) = self.schedule.options.journal { time } else { .zero }
        if self.relay.loops.allSatisfy({ $0.restedAt >= self.roundBegan + window + .milliseconds(3) }) {
            self.claims.round += 1
            self.roundBegan = self.clock.now
        }
    }

    func chance(_ one: Int) -> Bool { Int.random(in: 0..<one, using: &self.random) == 0 }

    // MARK: What happens

    private func happen(_ event: Schedule.Event) {
        switch event {
        case .network: self.moveSomething()
        case .loop: self.runLoop()
        case .store: self.storeTurn()
        case .time: self.passTime()
        case .connect: self.connect(self.schedule.terminals.randomElement(using: &self.random))
        case .heartbeat, .burst, .finish, .reset, .vanish, .stall, .giveUp, .noise:
            if let link = self.links.randomElement(using: &self.random) { self.happen(event, to: link) }
        case .crash, .powerCut: self.crash(isPowerCut: event == .powerCut)
        case .restart: self.restart()
        case .diskFails:
            let codes: [StoreError.Code] = [.diskFull, .inputOutput]
            self.diskFailure = StoreError(codes.randomElement(using: &self.random) ?? .other, "The simulated disk fails.")
            self.note("the disk fails")
        case .diskHeals: self.diskFailure = nil
        case .inject: self.inject()
        case .delete: self.delete(all: false)
        case .deleteAll: self.delete(all: true)
        case .kick: self.kick()
        case .ledger: self.checkLedger()
        }
    }

    private func happen(_ event: Schedule.Event, to link: Link) {
        let socket = link.socket
        switch event {
        case .heartbeat:
            if let ccid = link.terminal.device.ccids.randomElement(using: &self.random) {
                self.note("connection \(socket.number): heartbeat of \(ccid)")
                link.terminal.heartbeat(of: ccid)
            }
        case .burst: self.burst(link.terminal)
        case .finish: socket.finish(closes: Bool.random(using: &self.random))
        case .reset: socket.reset()
        case .vanish: socket.vanish()
        case .stall: link.terminal.isStalled.toggle()
        case .giveUp: socket.giveUp()
        case .noise: self.makeNoise(link.terminal)
        default: return
        }
        self.note("connection \(socket.number): \(event)")
    }

    private func burst(_ terminal: SimulatedTerminal) {
        let others = self.schedule.terminals.flatMap(\.ccids) + [self.schedule.absent]
        let few = (0..<Int.random(in: 1...3, using: &self.random)).compactMap { _ in others.randomElement(using: &self.random) }
        for _ in 0..<Int.random(in: 1...8, using: &self.random) {
            guard let destination = few.randomElement(using: &self.random) else { return }
            self.note("connection \(terminal.socket.number): message \(self.claims.nextNumber) to \(destination)")
            terminal.send(to: destination, payload: Int.random(in: self.schedule.payload, using: &self.random))
        }
    }

    private func makeNoise(_ terminal: SimulatedTerminal) {
        // Before its dialect is learned, noise can make a `marker` of a connection, whose frames end elsewhere.
        guard terminal.socket.delivered >= Frame.heartbeatSize else { return }
        let kind = Int.random(in: (terminal.device.dialect == .marker ? 1 : 0)...2, using: &self.random)
        if kind == 2, self.schedule.options.session.unknownCommand == .ignore {
            terminal.sendUnknownCommand()
        } else {
            terminal.makeNoise(kind)
        }
    }

    /// - Parameter registersAll: at once; otherwise some of its CCIDs may follow, or not.
    func connect(_ device: Schedule.Terminal?, registersAll: Bool = false) {
        guard let device else { return }
        self.connections += 1
        let socket = SimulatedSocket(
            number: self.connections,
            claims: self.claims,
            capacity: (
                Int.random(in: self.schedule.sendCapacity, using: &self.random),
                Int.random(in: self.schedule.receiveCapacity, using: &self.random)
            ),
            isCutAnywhere: device.dialect != .marker,
            fault: self.fault,
            seed: self.random.next()
        )
        // A third of them is far away, a third is near, and of a third nothing is known.
        socket.roundTrip = [0, 300, 200_000][self.connections % 3]
        let index = Int.random(in: 0..<self.relay.shards.count, using: &self.random)
        self.note("connection \(socket.number) of \(device.ccids) (\(device.dialect)) to shard \(index)")
        self.claims.opened(socket)
        let channel = self.relay.accept(socket, shard: index)
        self.claims.accepted(socket, as: self.relay.connection(of: socket))
        let terminal = SimulatedTerminal(device, socket, self.claims)
        self.links.append(Link(terminal: terminal, socket: socket, first: channel))
        for ccid in device.ccids.shuffled(using: &self.random) {
            terminal.heartbeat(of: ccid)
            if !registersAll, self.chance(3) { break }
        }
    }

    // MARK: What moves everything on

    private func passTime() {
        let milliseconds: Int64 = [0, 1, 1, 3, 3, 12, 60, 300].randomElement(using: &self.random) ?? 1
        self.clock.advance(by: .milliseconds(milliseconds) + .microseconds(Int64.random(in: 0...900, using: &self.random)))
        if self.chance(40) { self.clock.advance(by: .milliseconds(1_100)) }
    }

    private func runLoop() {
        let index = Int.random(in: 0..<self.relay.loops.count, using: &self.random)
        let loop = self.relay.loops[index]
        if Bool.random(using: &self.random) { loop.runAll() } else { loop.runOne() }
        if !loop.hasWork { self.reads[index] = 0 }
    }

    func storeTurn() {
        var turn = SimulatedStore.Turn()
        if self.chance(3) { turn.limit = Int.random(in: 1...4, using: &self.random) }
        turn.sweeps = self.chance(4)
        turn.failsToRead = self.diskFailure != nil && self.chance(2)
        turn.failure = self.diskFailure
        self.relay.store.take(turn)
    }

    private func moveSomething() {
        guard let index = self.links.indices.randomElement(using: &self.random) else { return }
        let link = self.links[index]
        self.move(link)
        if self.isOver(link) { self.links.remove(at: index) }
    }

    func removeOver() {
        self.links.removeAll(where: self.isOver)
    }

    private func isOver(_ link: Link) -> Bool {
        guard link.socket.relayEnd != .open else { return false }
        let isGone = link.socket.terminalEnd == .closed || link.socket.terminalEnd == .vanished
        return link.socket.isOverForTerminal || isGone
    }

    /// Moves one thing on one connection, if anything can move.
    func move(_ link: Link) {
        let (socket, channel) = (link.socket, link.channel)
        func amount(_ most: Int) -> Int {
            self.chance(3) ? Int.random(in: 1...max(most, 1), using: &self.random) : most
        }
        var moves: [() -> Void] = []
        if socket.hasNewsForRelay { moves.append { socket.carryToRelay(amount(socket.toRelay)) } }
        if socket.toTerminal > 0 { moves.append { socket.carryToTerminal(amount(socket.toTerminal)) } }
        if socket.toAcknowledge > 0 { moves.append { socket.carryAcknowledgement(amount(socket.toAcknowledge)) } }
        if socket.consumed < socket.delivered, !link.terminal.isStalled {
            moves.append { socket.consume(amount(socket.delivered - socket.consumed)) }
        }
        if channel.isActive {
            if channel.isReading, socket.isReadable {
                moves.append { self.onLoop(of: channel) { channel.read(limit: self.chance(3) ? 64 : 2_048) } }
            }
            if channel.isWaitingForRoom, socket.hasRoom { moves.append { self.onLoop(of: channel) { channel.writeOn() } } }
            if socket.isEndDue { moves.append { self.tellEnd(link) } }
        }
        moves.randomElement(using: &self.random)?()
    }

    private func tellEnd(_ link: Link) {
        self.onLoop(of: link.channel) {
            // The last bytes may have sent the connection to another shard, whose channel is to be told then.
            let channel = link.channel
            if let error = link.socket.relayError {
                channel.breakDown(IOError(errnoCode: error, reason: "simulated"))
            } else {
                channel.readToEnd()
            }
            link.socket.isEndTold = !link.isMoving(from: channel)
        }
    }

    /// Something happens on a channel's loop, which lets its tasks run at least after every third such thing. When these close the
    /// channel, it happens to whatever has the connection then.
    private func onLoop(of channel: SimulatedChannel, _ body: () -> Void) {
        guard let index = self.relay.loops.firstIndex(where: { $0 === channel.loop }) else { return }
        if self.reads[index, default: 0] >= 3 {
            self.relay.loops[index].runAll()
            self.reads[index] = 0
        }
        self.reads[index, default: 0] += 1
        if channel.isActive { body() }
    }

    // MARK: The relay's life

    private func crash(isPowerCut: Bool) {
        self.note(isPowerCut ? "power cut" : "crash")
        for link in self.links where link.socket.relayEnd == .open {
            if isPowerCut { link.socket.cutRelayOff() } else { link.socket.closeByRelay() }
        }
        self.claims.processEnded(isOrderly: false)
        self.startAnew()
    }

    private func startAnew() {
        self.relay.kill()
        let store = SimulatedStore(
            reopening: self.relay.store.durable,
            claims: self.claims,
            clock: self.clock,
            fault: self.fault
        )
        self.relay = SimulatedRelay(
            options: self.schedule.options,
            store: store,
            movesConnections: self.schedule.movesConnections,
            claims: self.claims,
            clock: self.clock,
            trace: self.trace
        )
        self.reads = [:]
        self.roundBegan = self.clock.now
    }

    private func restart() {
        self.note("restart")
        let deadline = self.clock.now + .milliseconds(Int64.random(in: 0...100, using: &self.random))
        var isDrained = 0
        for shard in self.relay.shards {
            shard.drain(until: deadline).assumeIsolated().whenComplete { _ in isDrained += 1 }
        }
        while isDrained < self.relay.shards.count, self.claims.violation == nil {
            for _ in 0..<4 { self.moveSomething() }
            self.runLoop()
            if self.chance(3) { self.storeTurn() }
            self.clock.advance(by: .milliseconds(1))
            self.endStep()
        }
        self.relay.end { self.relay.store.take(.init(failure: self.diskFailure)) }
        self.claims.noteHandled()
        self.relay.store.take(.init(failure: self.diskFailure))
        self.claims.processEnded(isOrderly: self.diskFailure == nil)
        self.startAnew()
    }
}
