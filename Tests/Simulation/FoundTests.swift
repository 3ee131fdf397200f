import NIOCore
import RelayCore
import TTMSProtocol
import Testing

@testable import RelayServer

/// What seeds have found, as the shortest history that shows it.
@Suite("What the simulation found")
struct FoundTests {
    /// A relay and connections whose every move a test makes itself.
    private final class Stage {
        let clock = SimulatedClock()
        let claims: Claims
        let store: SimulatedStore
        let relay: SimulatedRelay
        private var connections = 0

        init(eventLoops: Int = 1, _ configure: (inout ServerOptions) -> Void = { _ in }) {
            var options = ServerOptions(listeners: [ListenerOptions(host: "", port: 0)])
            options.eventLoops = eventLoops
            configure(&options)
            self.claims = Claims(options: options, absent: [])
            self.store = SimulatedStore(reopening: MemoryStore(), claims: self.claims, clock: self.clock, fault: nil)
            self.relay = SimulatedRelay(
                options: options,
                store: self.store,
                claims: self.claims,
                clock: self.clock,
                trace: Trace(isWanted: false)
            )
        }

        deinit { self.relay.kill() }

        func connect(_ ccids: [CCID], shard: Int = 0, sendCapacity: Int = 100_000) -> World.Link {
            self.connections += 1
            let socket = SimulatedSocket(
                number: self.connections,
                descriptor: self.relay.sockets.nextDescriptor,
                claims: self.claims,
                capacity: (sendCapacity, 100_000),
                isCutAnywhere: true,
                fault: nil,
                seed: 1
            )
            self.claims.opened(socket)
            let channel = self.relay.accept(socket, shard: shard)
            let terminal = SimulatedTerminal(.init(ccids: ccids, dialect: .total), socket, self.claims)
            return World.Link(terminal: terminal, socket: socket, channel: channel)
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

        /// Lets everything go on for `milliseconds`, and the connections with it.
        func go(_ milliseconds: Int, _ links: [World.Link] = []) {
            for _ in 0..<milliseconds {
                self.clock.advance(by: .milliseconds(1))
                for link in links {
                    self.bring(link)
                    self.take(link)
                }
                self.relay.runLoops()
                self.store.take(.init())
                self.relay.runLoops()
            }
        }

        /// The CCID of a terminal whose home is that shard.
        func ccid(home: Int) -> CCID {
            let all = (UInt32(1)...).lazy.map(CCID.init(rawValue:))
            return all.first { self.relay.shards[0].home(of: $0) == home } ?? CCID(rawValue: 0)
        }
    }

    @Test func newerConnectionAtHomeOutlivesAnOlderClaim() {
        let stage = Stage(eventLoops: 2)
        let ccid = stage.ccid(home: 0)
        let older = stage.connect([ccid], shard: 1)
        let newer = stage.connect([ccid], shard: 0)
        // The older heartbeat's claim is on its way when the newer one registers.
        older.terminal.heartbeat(of: ccid)
        stage.bring(older)
        newer.terminal.heartbeat(of: ccid)
        stage.bring(newer)
        stage.go(20)
        let owners = stage.relay.shards.compactMap { $0.terminals[ccid]?.connection }
        #expect(owners.map { ($0.channel as? SimulatedChannel)?.socket.number } == [newer.socket.number])
    }

    @Test func whatIsInFlightGoesBackThoughTheReadFails() {
        let stage = Stage()
        let ccid = CCID(rawValue: 7)
        let sender = stage.connect([CCID(rawValue: 8)])
        sender.terminal.heartbeat(of: CCID(rawValue: 8))
        sender.terminal.send(to: ccid, payload: 20)
        stage.bring(sender)
        stage.go(5)
        // A read is under way when the connection ends, and fails.
        let receiver = stage.connect([ccid])
        receiver.terminal.heartbeat(of: ccid)
        stage.bring(receiver)
        stage.relay.runLoops()
        #expect(stage.relay.shards[0].terminals[ccid]?.mailbox.outstandingRead != nil)
        receiver.channel.breakDown(ChannelError.ioOnClosedChannel)
        stage.relay.runLoops()
        stage.store.take(.init(failsToRead: true))
        stage.go(5)
        #expect(stage.relay.shards[0].terminals[ccid]?.mailbox.isSettled == true)
    }

    @Test func whatCameBehindAHeartbeatOutlivesItsConnection() {
        let stage = Stage()
        let (first, second, absent) = (CCID(rawValue: 1), CCID(rawValue: 2), CCID(rawValue: 9))
        let older = stage.connect([first, second])
        older.terminal.heartbeat(of: first)
        stage.bring(older)
        stage.go(5, [older])
        // The second heartbeat waits for its receipt, and what follows it waits, too.
        older.terminal.send(to: absent, payload: 20)
        older.terminal.heartbeat(of: second)
        older.terminal.send(to: absent, payload: 20)
        stage.bring(older)
        stage.relay.runLoops()
        let newer = stage.connect([first, second])
        newer.terminal.heartbeat(of: first)
        newer.terminal.heartbeat(of: second)
        stage.bring(newer)
        stage.relay.runLoops()
        stage.go(20)
        #expect(!older.channel.isActive)
        #expect(stage.store.memory.backlog(of: absent).frames == 2)
    }

    @Test func terminalThatConfirmsByHeartbeatsIsReadFromAgain() {
        let stage = Stage {
            $0.listeners[0].confirm = .heartbeat
            $0.outbound.highWatermark = 800
            $0.outbound.lowWatermark = 200
        }
        let (ccid, source) = (CCID(rawValue: 7), CCID(rawValue: 8))
        let receiver = stage.connect([ccid])
        receiver.terminal.heartbeat(of: ccid)
        stage.bring(receiver)
        stage.go(5)
        let sender = stage.connect([source])
        sender.terminal.heartbeat(of: source)
        for _ in 0..<4 { sender.terminal.send(to: ccid, payload: 300) }
        stage.bring(sender)
        stage.go(5)
        // The heartbeat meets more in flight than may be, and confirms none of it.
        receiver.terminal.heartbeat(of: ccid)
        stage.bring(receiver)
        stage.go(500, [receiver])
        for _ in 0..<4 {
            receiver.terminal.heartbeat(of: ccid)
            stage.go(300, [receiver])
        }
        #expect(receiver.channel.isReading)
        #expect(stage.store.memory.totals.frames == 0)
    }
}
