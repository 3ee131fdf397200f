import NIOCore
import RelayCore
import TTMSProtocol

@testable import RelayServer

/// A relay and connections whose every move a test makes itself.
final class Stage {
    let clock = SimulatedClock()
    let claims: Claims
    let store: SimulatedStore
    let relay: SimulatedRelay
    private var connections = 0

    init(
        eventLoops: Int = 1,
        movesConnections: Bool = false,
        limits: StoreLimits = StoreLimits(),
        _ configure: (inout ServerOptions) -> Void = { _ in }
    ) {
        var options = ServerOptions(listeners: [ListenerOptions(host: "", port: 0)])
        options.eventLoops = eventLoops
        configure(&options)
        self.claims = Claims(options: options, absent: [])
        self.store = SimulatedStore(reopening: MemoryStore(limits: limits), claims: self.claims, clock: self.clock, fault: nil)
        self.relay = SimulatedRelay(
            options: options,
            store: self.store,
            movesConnections: movesConnections,
            claims: self.claims,
            clock: self.clock,
            trace: Trace(isWanted: false)
        )
    }

    deinit { self.relay.kill() }

    func connect(
        _ ccids: [CCID],
        shard: Int = 0,
        dialect: LengthDialect = .total,
        sendCapacity: Int = 100_000
    ) -> World.Link {
        self.connections += 1
        let socket = SimulatedSocket(
            number: self.connections,
            claims: self.claims,
            capacity: (sendCapacity, 100_000),
            isCutAnywhere: dialect != .marker,
            fault: nil,
            seed: 1
        )
        self.claims.opened(socket)
        let channel = self.relay.accept(socket, shard: shard)
        let terminal = SimulatedTerminal(.init(ccids: ccids, dialect: dialect), socket, self.claims)
        return World.Link(terminal: terminal, socket: socket, first: channel)
    }

    /// What the terminal has written comes to the relay, and is read unless that is held back.
    func bring(_ link: World.Link) {
        link.socket.carryToRelay(.max)
        if link.channel.isReading, link.socket.isReadable { link.channel.read(limit: 1 << 16) }
    }

    /// All that is on its way to the terminal arrives, and is acknowledged.
    func take(_ link: World.Link) {
        link.socket.carryToTerminal(100_000)
        link.socket.consume(100_000)
        link.socket.carryAcknowledgement(.max)
        if link.channel.isWaitingForRoom { link.channel.writeOn() }
    }

    /// The terminal sends its last byte, and the relay's end is told when all that was sent before has come.
    func finish(_ link: World.Link) {
        link.socket.finish(closes: true)
        link.socket.carryToRelay(.max)
        link.socket.isEndTold = true
        link.channel.readToEnd()
    }

    /// Lets everything go on for `milliseconds`, and the connections with it.
    ///
    /// - Parameter turn: how the disk takes its turns; with `nil` it takes none.
    func go(_ milliseconds: Int, _ links: [World.Link] = [], turn: SimulatedStore.Turn? = .init()) {
        for _ in 0..<milliseconds {
            self.clock.advance(by: .milliseconds(1))
            for link in links {
                self.bring(link)
                self.take(link)
            }
            self.relay.runLoops()
            if let turn { self.store.take(turn) }
            self.relay.runLoops()
        }
    }

    /// Lets one loop do what is ready, and what is due 2 ms later.
    func run(_ index: Int) {
        self.relay.loops[index].runAll()
        self.clock.advance(by: .milliseconds(2))
        self.relay.loops[index].runAll()
    }

    /// A connection of a terminal of that home that has registered, and rests.
    func registered(home: Int, _ number: Int = 0, shard: Int = 0) -> World.Link {
        let ccid = self.ccid(home: home, number)
        let link = self.connect([ccid], shard: shard)
        link.terminal.heartbeat(of: ccid)
        self.bring(link)
        self.go(20, [link])
        return link
    }

    /// The CCID of a terminal whose home is that shard; each number is another one.
    func ccid(home: Int, _ number: Int = 0) -> CCID {
        let all = (UInt32(1)...).lazy.map(CCID.init(rawValue:)).filter { self.relay.shards[0].home(of: $0) == home }
        return Array(all.prefix(number + 1)).last ?? CCID(rawValue: 0)
    }

    /// The numbers of the connections that have a terminal.
    func owners(of ccid: CCID) -> [Int?] {
        let connections = self.relay.shards.compactMap { $0.terminals[ccid]?.connection }
        return connections.map { ($0.channel as? SimulatedChannel)?.socket.number }
    }
}
