import Logging
import NIOCore
import RelayCore
import TTMSProtocol

@testable import RelayServer

/// One life of the relay's process: the real shards, on simulated loops, sockets and store.
final class SimulatedRelay {
    let options: ServerOptions
    let store: SimulatedStore
    let loops: [SimulatedLoop]
    let shards: [Shard]
    let sockets: SimulatedSockets
    private let clock: SimulatedClock
    let startedAt: StoreTotals

    init(
        options: ServerOptions,
        store: SimulatedStore,
        movesConnections: Bool = false,
        claims: Claims,
        clock: SimulatedClock,
        trace: Trace
    ) {
        self.options = options
        self.store = store
        self.clock = clock
        self.startedAt = store.statistics.totals
        let sockets = SimulatedSockets(claims: claims)
        self.sockets = sockets
        let loops = (0..<options.eventLoops).map { _ in SimulatedLoop(clock: clock) }
        self.loops = loops
        let limiter = ConnectionLimiter(maximum: options.maximumConnections)
        let logger = trace.logger
        self.shards = loops.enumerated().map { index, loop in
            Shard(
                index: index,
                eventLoop: loop,
                sockets: sockets,
                options: options,
                groupCommit: store,
                limiter: limiter,
                clock: RelayClock { clock.wall },
                steadyClock: SteadyClock(wall: { clock.wall }, boot: { clock.wall }),
                events: EventLog(),
                logger: logger
            )
        }
        for shard in self.shards {
            shard.connect(to: self.shards, movesConnections: movesConnections)
            shard.startTimer()
            // With few connections, the end of each has to wait for that of another.
            shard.ending.atOnce = 1
            shard.longReads.limit = 3
            (shard.leaving.atOnce, shard.leaving.directly) = (1, 1)
        }
        sockets.relay = self
    }

    // MARK: Connections

    func accept(_ socket: SimulatedSocket, shard index: Int) -> SimulatedChannel {
        let shard = self.shards[index]
        let channel = self.sockets.makeChannel(of: socket, on: self.loops[index])
        _ = shard.limiter.enter()
        let handler = TerminalHandler(shard: shard, listener: self.options.listeners[0], addresses: .unknown)
        // It fails only on channels that are closed.
        try? handler.serve(channel)
        channel.becomeActive()
        return channel
    }

    func connection(of socket: SimulatedSocket) -> TerminalConnection? {
        for shard in self.shards {
            let connection = shard.connections.first { ($0.channel as? SimulatedChannel)?.socket === socket }
            if let connection { return connection }
        }
        return nil
    }

    // MARK: Running

    var isResting: Bool { self.store.isIdle && !self.loops.contains(where: \.hasWork) }

    func runLoops() {
        while let loop = self.loops.first(where: \.hasWork) { loop.runAll() }
    }

    var nextDue: NIODeadline? { self.loops.compactMap(\.nextDue).min() }

    // MARK: The end

    /// The process is dead: it does nothing more, and what it had is freed.
    func kill() {
        self.sockets.kill()
        for shard in self.shards {
            shard.injections.failAll()
            shard.release()
        }
        for loop in self.loops { loop.kill() }
        self.store.kill()
    }

    /// What `RelayServer.stop` does once nobody is awaited any more: the rest goes back, from shard to shard, and to the store.
    ///
    /// - Parameter storeTurn: has the store carry out and commit.
    func end(_ storeTurn: () -> Void) {
        for shard in self.shards { _ = shard.stop() }
        self.runLoops()
        for _ in 0..<3 {
            for shard in self.shards { _ = shard.handOverRemaining() }
            self.runLoops()
        }
        for shard in self.shards { _ = shard.storeWaiting() }
        self.runLoops()
        var isSettled = 0
        let deadline = self.clock.now + .milliseconds(20)
        for shard in self.shards { shard.settle(until: deadline).assumeIsolated().whenComplete { _ in isSettled += 1 } }
        while isSettled < self.shards.count {
            storeTurn()
            self.clock.advance(by: .milliseconds(2))
            self.runLoops()
        }
    }
}
