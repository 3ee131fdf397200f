import NIOCore
import RelayCore
import TTMSProtocol

// The peer's last byte (FIN): what crosses it on the way still arrives, and should not come again.
extension Shard {
    /// How soon a connection that ends is sampled again: there are few, each for ``AcknowledgementPace/finishPatience`` at most.
    private static let finishInterval = TimeAmount.milliseconds(4)
    /// Connections that one look passes at the most: all of them may have to be closed.
    private static let looksAtOnce = 256
    /// How soon more connections are ended, after an event loop that has too many has looked at the others.
    private static let endInterval = TimeAmount.milliseconds(1)

    /// The peer's FIN came: ends the connection, or has it wait when many end at once, or when the store is behind with what it sends.
    /// To wait is as if the FIN came later; bytes that are not read yet wait in the kernel.
    func inputClosed(_ connection: TerminalConnection) {
        connection.inputWasClosed()
        guard !connection.isPaused(for: [.store, .takeover, .turn]) else { return }
        guard self.ending.admits(connection) else { return }
        self.scheduleEndings()
        connection.handler?.finish()
    }

    private func scheduleEndings() {
        guard self.ending.requestInterval() else { return }
        self.eventLoop.scheduleTask(in: Self.endInterval) {
            _ = self.startRead()
            self.ending.intervalBegins()
            while let connection = self.ending.next() { connection.handler?.finish() }
            self.ending.intervalEnds()
            // From the end of this: an event loop runs whatever is due before it reads from its connections.
            self.scheduleEndings()
        }
    }

    /// The peer has sent its last byte. What came before it is handled; from then on nothing is put on the connection; it is closed
    /// when all that is in flight is acknowledged, when the peer resets it, or when that has taken too long.
    func finish(_ connection: TerminalConnection) {
        guard connection.phase == .inputClosed else { return }
        // Nothing will follow, so there is no quiet time to wait for.
        if !connection.isKeepingBack { connection.handler?.receiveArrived(.end) }
        // It can have brought more than the store may be behind.
        guard connection.phase == .inputClosed, !connection.isPaused(for: [.store, .turn]) else { return }
        // A heartbeat that waits, for its receipt or for room, would take its terminal from who has it by then.
        connection.beginFinishing()
        self.takeRest(of: connection, boundary: .end)
        guard connection.phase == .finishing else { return }
        let isSound = connection.flush()
        self.sampleAcknowledged(connection)
        // Where only a heartbeat confirms, waiting would change nothing: none will come.
        guard isSound, !connection.window.isEmpty, connection.listener.confirm == .acknowledged else {
            return self.close(connection, .peerClosed)
        }
        // All at once: for each terminal alone it would take a look at the whole window.
        self.journal(connection, since: .distantFuture)
        for ccid in connection.session.ccids {
            self.handover.abandonClaim(of: ccid, by: connection)
            guard let terminal = self.terminals[ccid], terminal.connection === connection else { continue }
            self.makeWay(for: terminal)
            terminal.update { $0.finish() }
            self.injections.disconnected(ccid)
        }
        // A new connection of the terminal does not wait for this one.
        connection.measureRoundTrip()
        let deadline = self.startRead() + connection.pace.finishPatience
        if self.ending.finish(connection, by: deadline) { self.scheduleFinishingSweep() }
    }

    private func scheduleFinishingSweep() {
        self.eventLoop.scheduleTask(in: Self.finishInterval) {
            let now = self.startRead()
            let isAnyLeft = self.ending.sweep(limit: Self.looksAtOnce, now: now) { connection, isLate in
                self.sampleAcknowledged(connection)
                guard connection.window.isEmpty || isLate else { return false }
                self.close(connection, .peerClosed)
                return true
            }
            if isAnyLeft { self.scheduleFinishingSweep() }
        }
    }
}
