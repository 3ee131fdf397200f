import NIOCore

/// Work that each of several terminals does to its end, each step answered by the server.
struct Errand {
    enum Kind {
        /// Heartbeats, several at a time.
        case heartbeats
        /// Frames for offline terminals, each batch followed by a heartbeat. The relay answers it only when all earlier frames
        /// are durable.
        case store
    }

    var kind: Kind
    /// Terminals that have not finished.
    var unfinished: Int
    var promise: EventLoopPromise<Void>
}

extension LoadLoop {
    /// The frames that a sender sends before each heartbeat, and the batches without an answer. The data between the two
    /// processes is bounded, and the store never waits for the generator.
    private static let storeBatch = (frames: 256, underWay: 4)

    /// Heartbeats that a terminal sends at once, after the last ones are answered. A day's heartbeats take minutes, and the
    /// bytes written to a terminal at once stay as few as in the field.
    private static let heartbeatsAtOnce = 8

    /// Has every connected terminal among `indices` send `count` heartbeats.
    func heartbeats(_ indices: Range<Int>, count: Int) -> EventLoopFuture<Void> {
        let own = indices.compactMap { self.terminals[$0] }
        for terminal in own { terminal.remaining = count }
        return self.begin(.heartbeats, own)
    }

    /// Has each sender send its number of `frames` to offline terminals.
    func store(_ senders: [Sender], frames: [Int]) -> EventLoopFuture<Void> {
        var own: [LoadTerminal] = []
        for (sender, frames) in zip(senders, frames) {
            guard let terminal = self.terminals[sender.index] else { continue }
            terminal.begin(sender.target)
            // The first frame is for the first destination, so that each gets the same number.
            terminal.number = 0
            terminal.remaining = frames
            own.append(terminal)
        }
        return self.begin(.store, own)
    }

    private func begin(_ kind: Errand.Kind, _ terminals: [LoadTerminal]) -> EventLoopFuture<Void> {
        let promise = self.eventLoop.makePromise(of: Void.self)
        if let failure = self.failure {
            promise.fail(failure)
        } else if terminals.isEmpty {
            promise.succeed()
        } else {
            self.errand = Errand(kind: kind, unfinished: terminals.count, promise: promise)
            for terminal in terminals { self.advance(terminal, kind) }
        }
        return promise.futureResult
    }

    /// Continues an errand after the server has answered a heartbeat.
    func answered(_ terminal: LoadTerminal, now: UInt64) {
        guard let errand, !terminal.unanswered.isEmpty else { return }
        let batch = terminal.unanswered.removeFirst()
        switch errand.kind {
        case .heartbeats:
            self.measurements.counts.heartbeats += 1
            self.measurements.latency.record(from: batch.sentAt, to: now)
            guard terminal.unanswered.isEmpty else { return }
        case .store: self.measurements.counts.stored += batch.frames
        }
        if terminal.remaining > 0 {
            self.advance(terminal, errand.kind)
        } else if terminal.unanswered.isEmpty {
            self.errand?.unfinished -= 1
            guard errand.unfinished == 1 else { return }
            self.errand = nil
            errand.promise.succeed()
        }
    }

    private func advance(_ terminal: LoadTerminal, _ kind: Errand.Kind) {
        let heartbeat = self.plan.protocol.wire
        let now = LoadClock.now
        terminal.outbound.clear()
        switch kind {
        case .heartbeats:
            for _ in 0..<min(terminal.remaining, Self.heartbeatsAtOnce) {
                terminal.remaining -= 1
                terminal.unanswered.append((0, now))
                heartbeat.writeHeartbeat(of: self.plan.ccid(of: terminal.index), into: &terminal.outbound)
            }
        case .store:
            while terminal.remaining > 0, terminal.unanswered.count < Self.storeBatch.underWay {
                let sent = terminal.put(min(terminal.remaining, Self.storeBatch.frames), .now(now))
                guard sent > 0 else { break }
                terminal.remaining -= sent
                terminal.unanswered.append((sent, now))
                heartbeat.writeHeartbeat(of: self.plan.ccid(of: terminal.index), into: &terminal.outbound)
            }
        }
        terminal.flush()
    }
}
