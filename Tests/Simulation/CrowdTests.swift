import NIOCore
import RelayCore
import TTMSProtocol
import Testing

@testable import RelayServer

/// What many connections cost one event loop when all do the same thing at once.
@Suite("A crowd at once")
struct CrowdTests {
    /// One event loop with terminals that have registered.
    private final class Crowd {
        static let count = 200

        let clock = SimulatedClock()
        let claims: Claims
        let store: SimulatedStore
        let relay: SimulatedRelay
        private(set) var links: [World.Link] = []

        var shard: Shard { self.relay.shards[0] }

        init() {
            let options = ServerOptions(listeners: [ListenerOptions(host: "", port: 0)])
            self.claims = Claims(options: options, absent: [])
            self.store = SimulatedStore(reopening: MemoryStore(), claims: self.claims, clock: self.clock, fault: nil)
            self.relay = SimulatedRelay(
                options: options,
                store: self.store,
                claims: self.claims,
                clock: self.clock,
                trace: Trace(isWanted: false)
            )
            self.shard.ending.atOnce = EndingConnections.defaultAtOnce
            for number in 1...Self.count { self.connect(CCID(rawValue: UInt32(number)), number: number) }
            self.sendHeartbeats()
            self.takeAll()
            self.go(20)
        }

        deinit { self.relay.kill() }

        private func connect(_ ccid: CCID, number: Int) {
            let socket = SimulatedSocket(
                number: number,
                claims: self.claims,
                capacity: (100_000, 100_000),
                isCutAnywhere: true,
                fault: nil,
                seed: 1
            )
            self.claims.opened(socket)
            let channel = self.relay.accept(socket, shard: 0)
            let terminal = SimulatedTerminal(.init(ccids: [ccid], dialect: .total), socket, self.claims)
            self.links.append(World.Link(terminal: terminal, socket: socket, first: channel))
        }

        /// What has been written comes to the relay and is read, all before anything else happens.
        func bringAll() {
            for link in self.links {
                link.socket.carryToRelay(.max)
                link.channel.read(limit: 1 << 16)
            }
            self.relay.runLoops()
        }

        func sendHeartbeats() {
            for link in self.links { link.terminal.heartbeat(of: link.terminal.device.ccids[0]) }
            self.bringAll()
        }

        /// All that is on its way to the terminals arrives, and is acknowledged.
        func takeAll() {
            for link in self.links {
                link.socket.carryToTerminal(100_000)
                link.socket.consume(100_000)
                link.socket.carryAcknowledgement(.max)
            }
        }

        func go(_ milliseconds: Int) {
            for _ in 0..<milliseconds {
                self.clock.advance(by: .milliseconds(1))
                self.relay.runLoops()
                self.store.take(.init())
                self.relay.runLoops()
            }
        }
    }

    @Test func heartbeatsWhoseRepliesAreOnTheirWayOwnNoMemory() {
        let crowd = Crowd()
        for _ in 0..<50 {
            crowd.sendHeartbeats()
            #expect(crowd.shard.connections.allSatisfy { $0.outbound.unacknowledged > 0 })
            #expect(crowd.shard.chunks.lent == 0)
        }
        crowd.takeAll()
        crowd.go(20)
        // A frame for each is another matter: it may have to go back to its queue.
        let ccids = crowd.links.map { $0.terminal.device.ccids[0] }
        for (link, destination) in zip(crowd.links, ccids.reversed()) { link.terminal.send(to: destination, payload: 64) }
        crowd.bringAll()
        #expect(crowd.shard.chunks.lent == ChunkPool.sizes[0] * Crowd.count)
        crowd.takeAll()
        crowd.go(20)
        #expect(crowd.shard.chunks.lent == 0)
        #expect(crowd.claims.violation == nil)
    }

    @Test func closingDoesNotHoldTheEventLoop() {
        let crowd = Crowd()
        for link in crowd.links {
            link.socket.finish(closes: true)
            link.channel.readToEnd()
        }
        var open: [Int] = []
        while !crowd.shard.connections.isEmpty, open.count < 10 {
            let last = crowd.shard.connections.count
            open.append(last)
            // However long the loop goes on: time has to pass, and the others to be looked at.
            crowd.relay.runLoops()
            #expect(crowd.shard.connections.count == last)
            crowd.go(1)
        }
        #expect(open == [136, 72, 8])
        let closed = zip(CloseReason.allCases, crowd.shard.counters.closed).filter { $0.1 > 0 }
        #expect(closed.map(\.0) == [.peerClosed] && closed.map(\.1) == [UInt64(Crowd.count)])
        #expect(crowd.claims.violation == nil)
    }
}
