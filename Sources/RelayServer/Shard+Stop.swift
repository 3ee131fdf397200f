import NIOCore
import RelayCore

// The end of a shard.
extension Shard {
    /// Takes nothing more from terminals, and waits until everything that was put is acknowledged, or until `deadline`.
    func drain(until deadline: NIODeadline) -> EventLoopFuture<Void> {
        let promise = self.eventLoop.makePromise(of: Void.self)
        self.eventLoop.execute {
            self.isStopping = true
            for connection in self.connections { connection.pause(for: .stop) }
            self.checkDrained(until: deadline, promise)
        }
        return promise.futureResult
    }

    private func checkDrained(until deadline: NIODeadline, _ promise: EventLoopPromise<Void>) {
        for connection in self.connections { self.sampleAcknowledged(connection) }
        let isDrained = self.connections.allSatisfy { $0.outbound.unacknowledged == 0 }
        if isDrained || self.eventLoop.now >= deadline {
            promise.succeed(())
        } else {
            self.eventLoop.scheduleTask(in: Self.shortestStarvedInterval) { self.checkDrained(until: deadline, promise) }
        }
    }

    /// Ends all connections; what is not acknowledged goes back to the queues, and to the store.
    func stop() -> EventLoopFuture<Void> {
        self.eventLoop.submit {
            for connection in self.connections { self.close(connection, .shutdown) }
            self.injections.failAll()
        }
    }

    /// Passes on what is for other shards.
    func passOn() -> EventLoopFuture<Void> {
        self.eventLoop.submit {
            for index in self.peerBatches.indices where !self.peerBatches[index].isEmpty { self.handOver(to: index) }
            self.submit()
        }
    }

    /// Stores what waits for terminals that are between two shards: now they are on none.
    func storeWaiting() -> EventLoopFuture<Void> {
        self.eventLoop.submit {
            for case .recalling(let waiting, _) in self.handover.loans.values {
                waiting.forEach { entry, frame in self.withSubmission { $0.appends.append(entry, frame: frame) } }
            }
            for sync in self.handover.syncing.values {
                sync.kept.forEach { entry, frame in self.withSubmission { $0.appends.append(entry, frame: frame) } }
            }
            self.handover = Handover()
            self.submit()
        }
    }
}
