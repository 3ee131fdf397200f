import NIOCore
import RelayCore

// Connections that the acceptor passes to this shard.
extension Shard {
    /// The number of arrivals handled before the event loop serves its connections again: about 50 µs each.
    private static let arrivalsAtOnce = 64
    /// The delay until more are handled. An event loop runs all due tasks before it reads from its connections.
    private static let arrivalInterval = TimeAmount.milliseconds(1)

    /// Handles arrivals. Called once after ``Arrivals/add(_:)`` has requested it.
    func takeArrivals() {
        _ = self.startRead()
        let (arrivals, isMore) = self.arrivals.take(Self.arrivalsAtOnce)
        for arrival in arrivals {
            switch arrival {
            case .connection(let accepted):
                self.open(accepted)
            case .refused(let addresses, let reason):
                self.counters.connectionsAccepted += 1
                self.rejected(addresses, self.isStopping ? .shutdown : reason)
            }
        }
        if isMore { self.eventLoop.scheduleTask(in: Self.arrivalInterval) { self.takeArrivals() } }
    }

    /// Makes a channel of this event loop for a connection that was accepted, unless it is refused.
    private func open(_ accepted: AcceptedSocket) {
        let addresses = accepted.addresses
        let isBlocked = self.isBlocked(addresses)
        guard !self.isStopping, !isBlocked else {
            self.counters.connectionsAccepted += 1
            self.limiter.leave()
            self.rejected(addresses, self.isStopping ? .shutdown : .blocked)
            self.sockets.close(accepted.descriptor)
            return
        }
        let channel = self.sockets.channel(of: accepted.descriptor, on: self.eventLoop) { channel in
            channel.eventLoop.makeCompletedFuture {
                try TerminalHandler(shard: self, listener: accepted.listener, addresses: addresses).serve(channel)
            }
        }
        channel.assumeIsolated().whenFailure { _ in
            self.counters.connectionsAccepted += 1
            self.limiter.leave()
            self.rejected(addresses, .connectionLost)
        }
    }
}
