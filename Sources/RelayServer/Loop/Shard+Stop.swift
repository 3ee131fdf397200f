import NIOCore
import RelayCore

// The stop of a shard.
extension Shard {
    /// Stops reading from terminals, and waits until all bytes that were put are acknowledged, or until `deadline`.
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

    /// Waits until the store has recorded all deliveries, or until `deadline`. Called after ``storeWaiting()``. A frame delivered
    /// while its commit was under way gets its id only from the answer, and would otherwise be delivered again after the restart.
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

    /// Closes all connections; frames that are not acknowledged are requeued in the store.
    func stop() -> EventLoopFuture<Void> {
        self.eventLoop.submit {
            for connection in self.connections { self.close(connection, .shutdown) }
            self.detachLeaving()
            self.injections.stopWaiting()
        }
    }

    /// Fails the injections without an answer, after the store has been closed: it stores nothing more.
    func answerInjections() -> EventLoopFuture<Void> {
        self.eventLoop.submit { self.injections.failAll() }
    }

    /// Hands over all frames for other shards.
    func handOverRemaining() -> EventLoopFuture<Void> {
        self.eventLoop.submit {
            self.handOverAll()
            self.submit(isLast: true)
        }
    }

    /// Stores frames that wait for terminals between two shards: those terminals are on none now.
    func storeWaiting() -> EventLoopFuture<Void> {
        self.eventLoop.submit {
            for case .recalling(let waiting, _) in self.handover.loans.values {
                waiting.forEach { entry, frame in self.enqueueForAbsent { $0.append(entry, frame: frame) } }
            }
            for sync in self.handover.syncing.values {
                sync.waiting.forEach { entry, frame in self.enqueueForAbsent { $0.append(entry, frame: frame) } }
            }
            self.handover.removeAll()
            self.submit(isLast: true)
        }
    }
}
