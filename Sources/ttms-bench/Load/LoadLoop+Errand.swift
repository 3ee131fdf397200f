import NIOCore

/// Something that every one of some terminals does until it is done, each answered by the server.
struct Errand {
    enum Kind {
        /// Heartbeats, a few at a time.
        case heartbeats
        /// Frames for terminals that are away, each batch followed by a heartbeat: the relay answers that only when everything
        /// that came before is on disk.
        case store
    }

    var kind: Kind
    /// Terminals that are not done.
    var unfinished: Int
    var promise: EventLoopPromise<Void>
}

extension LoadLoop {
    /// Frames that a storing sender sends before it asks whether they are kept, and such batches that it has under way: what is
    /// between the two processes stays bounded, and the store never waits for the generator.
    private static let storeBatch = (frames: 256, underWay: 4)

    /// Heartbeats that a terminal sends at once, when the ones before are answered: a day goes by in minutes, and what is written to a
    /// terminal stays as small as what it gets in the field.
    private static let heartbeatsAtOnce = 8

    /// Has every connected terminal among `indices` send `count` heartbeats.
    func heartbeats(_ indices: Range<Int>, count: Int) -> EventLoopFuture<Void> {
        let own = indices.compactMap { self.terminals[$0] }
        for terminal in own { terminal.remaining = count }
        return self.begin(.heartbeats, own)
    }

    /// Has senders send frames, so many each, for terminals that are away.
    func store(_ senders: [Sender], frames: [Int]) -> EventLoopFuture<Void> {
        var own: [LoadTerminal] = []
        for (sender, frames) in zip(senders, frames) {
            guard let terminal = self.terminals[sender.index] else { continue }
            terminal.begin(sender.target)
            // The round over its destinations begins with the first, so that each gets as many.
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

    /// The server has answered a heartbeat of an errand.
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
