import Glibc
import NIOCore
import NIOPosix

/// Terminals that connect. Each is served when the server has answered its registration and sent its queued frames.
struct Arrival {
    /// Indices that have not been connected yet, the last first.
    var waiting: [Int]
    /// Terminals that are not served yet.
    var unserved: Int
    /// Frames that each terminal waits for, besides the answer.
    var frames: Int
    var begin: UInt64
    var promise: EventLoopPromise<Void>
}

extension LoadLoop {
    /// Connections that are being made at the same time. A storm would make all of them at once, but a listener's queue in the
    /// kernel is limited. A lost SYN costs a second, which is the network's time and not the server's.
    private static let connecting = 512
    /// `IP_BIND_ADDRESS_NO_PORT`: the port is chosen at `connect`, so that only the whole four-tuple has to be free.
    private static let bindWithoutPort: CInt = 24

    /// Connects the terminals among `indices` that belong to this loop.
    ///
    /// - Parameter frames: the frames that each terminal waits for, besides the answer to its registration.
    /// - Returns: a future that succeeds when all are served.
    func arrive(_ indices: Range<Int>, frames: Int) -> EventLoopFuture<Void> {
        let promise = self.eventLoop.makePromise(of: Void.self)
        let own = indices.filter { self.plan.loop(of: $0) == self.index }
        if let failure = self.failure {
            promise.fail(failure)
        } else if own.isEmpty {
            promise.succeed()
        } else {
            self.arrival = Arrival(
                waiting: own.reversed(),
                unserved: own.count,
                frames: frames,
                begin: LoadClock.now,
                promise: promise
            )
            for _ in 0..<Self.connecting { self.connectNext() }
        }
        return promise.futureResult
    }

    /// Connects the next terminal, after the server has answered a registration.
    func registered() { self.connectNext() }

    /// Counts a terminal that has received its answer and its frames.
    func served(now: UInt64) {
        guard let begin = self.arrival?.begin else { return }
        self.measurements.counts.served += 1
        self.measurements.serving.record(from: begin, to: now)
        self.arrival?.unserved -= 1
        guard let arrival, arrival.unserved == 0 else { return }
        self.arrival = nil
        arrival.promise.succeed()
    }

    /// Closes all terminals among `indices` at once.
    func close(_ indices: Range<Int>) -> EventLoopFuture<Void> {
        let closing = indices.compactMap { index -> EventLoopFuture<Void>? in
            defer { self.terminals[index] = nil }
            return self.terminals[index]?.close()
        }
        return EventLoopFuture.andAllComplete(closing, on: self.eventLoop)
    }

    private func connectNext() {
        guard let index = self.arrival?.waiting.popLast(), let frames = self.arrival?.frames else { return }
        let terminal = LoadTerminal(index: index, loop: self, awaiting: frames)
        self.terminals[index] = terminal
        self.bootstrap(terminal).connect(host: self.plan.address.host, port: Int(self.plan.address.port)).whenFailure { error in
            self.terminals[index] = nil
            self.fail(
                LoadFailure(
                    """
                    no connection to \(self.plan.address) for terminal \(index + 1) of \(self.plan.terminals): \(error). Is \
                    the server running there, and may it have this many connections?
                    """
                )
            )
        }
    }

    private func bootstrap(_ terminal: LoadTerminal) -> ClientBootstrap {
        let isSlow = self.plan.readsSlowly(terminal.index)
        var bootstrap = ClientBootstrap(group: self.eventLoop)
            .connectTimeout(.seconds(20))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.autoRead, value: !isSlow)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(terminal) }
            }
        if isSlow {
            bootstrap =
                bootstrap
                .channelOption(.socketOption(.so_rcvbuf), value: LoadTerminal.slowRead)
                .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: LoadTerminal.slowRead))
                .channelOption(.maxMessagesPerRead, value: 1)
        }
        guard self.plan.address.host == "127.0.0.1" else { return bootstrap }
        // On the loopback, terminals connect from many addresses. One address has 28,000 ports, and each is unavailable for a
        // minute after its connection: a second run would find none.
        let own = "127.0.1.\(1 + terminal.index % 250)"
        guard let address = try? NIOCore.SocketAddress(ipAddress: own, port: 0) else { return bootstrap }
        return
            bootstrap
            .channelOption(.socket(Int(IPPROTO_IP), Self.bindWithoutPort), value: 1)
            .bind(to: address)
    }
}
