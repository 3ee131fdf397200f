import NIOCore
import RelayCore

// The end of a shard.
extension Shard {
    /// Takes nothing more from terminals, and waits until everything that was put is acknowledged, or until `deadline`.
    func drain(until deadline: NIODeadline) -> EventLoopFuture<Void> {
        let promise = self.eventLoop.makePromise(of: Void.self)
        self.eventLoop.execute {
            self.beginStopping()
            for connection in self.connections { connection.pause(for: .stop) }
            self.wait(until: deadline, promise) {
                for connection in self.connections { self.sampleAcknowledged(connection) }
                return self.connections.allSatisfy { $0.outbound.unacknowledged == 0 }
            }
        }
        return promise.futureResult
    }

    /// After ``storeWaiting()``: waits until the store has been told of all that was delivered, or until `deadline`. What was
    /// delivered while its commit was under way is known by its id only then, and would be delivered again after the restart.
    func settle(until deadline: NIODeadline) -> EventLoopFuture<Void> {
        let promise = self.eventLoop.makePromise(of: Void.self)
        self.eventLoop.execute {
            self.wait(until: deadline, promise) {
                self.submit(isLast: true)
                return self.journals.isEmpty && self.store.isEmpty
            }
        }
        return promise.futureResult
    }

    private func wait(
        until deadline: NIODeadline,
        _ promise: EventLoopPromise<Void>,
        for isDone: @escaping @Sendable () -> Bool
    ) {
        if isDone() || self.eventLoop.now >= deadline {
            promise.succeed(())
        } else {
            self.eventLoop.scheduleTask(in: StarvedConnections.shortestInterval) {
                self.wait(until: deadline, promise, for: isDone)
            }
        }
    }

    /// Ends all connections; what is not acknowledged goes back to the queues, and to the store.
    func stop() -> EventLoopFuture<Void> {
        self.eventLoop.submit {
            for connection in self.connections { self.close(connection, .shutdown) }
            self.detachLeaving()
            self.injections.stopWaiting()
        }
    }

    /// After the store has been closed: what it has not kept by now it never will.
    func answerInjections() -> EventLoopFuture<Void> {
        self.eventLoop.submit { self.injections.failAll() }
    }

    /// Passes on what is for other shards.
    func passOn() -> EventLoopFuture<Void> {
        self.eventLoop.submit {
            self.handOverAll()
            self.submit(isLast: true)
        }
    }

    /// Stores what waits for terminals that are between two shards: now they are on none.
    func storeWaiting() -> EventLoopFuture<Void> {
        self.eventLoop.submit {
            for case .recalling(let waiting, _) in self.handover.loans.values {
                waiting.forEach { entry, frame in self.enqueueForAbsent { $0.append(entry, frame: frame) } }
            }
            for sync in self.handover.syncing.values {
                sync.kept.forEach { entry, frame in self.enqueueForAbsent { $0.append(entry, frame: frame) } }
            }
            self.handover.removeAll()
            self.submit(isLast: true)
        }
    }
}
