import NIOCore
import RelayCore
import TTMSProtocol

// The peer's last byte (FIN): bytes that cross it on the way still arrive, and should not be delivered again.
extension Shard {
    /// The interval between two samples of connections that end: they are few, each for ``AcknowledgementPace/finishPatience`` at
    /// most.
    private static let finishInterval = TimeAmount.milliseconds(4)
    /// The maximum number of connections that one sweep passes: all of them may have to be closed.
    private static let finishingAtOnce = 256
    /// The delay until more connections are ended, after the event loop has served the others.
    private static let endInterval = TimeAmount.milliseconds(1)

    /// Handles the peer's FIN: ends the connection, or lets it wait when many end at once or when the store is behind with its
    /// frames. A wait has the effect of a later FIN; bytes that are not read yet wait in the kernel.
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
            // The delay runs from the end of this task: an event loop runs all due tasks before it reads from its connections.
            self.scheduleEndings()
        }
    }

    /// Finishes a connection whose peer has sent its last byte. Bytes before it are handled; then nothing more is put on the
    /// connection. It is closed when all frames in flight are acknowledged, when the peer resets it, or at its deadline.
    func finish(_ connection: TerminalConnection) {
        guard connection.phase == .inputClosed else { return }
        // Nothing will follow, so no quiet time is awaited.
        if !connection.isDeferringInput { connection.handler?.receiveArrived(.end) }
        // The last bytes may have exceeded the limit of the store or of this turn.
        guard connection.phase == .inputClosed, !connection.isPaused(for: [.store, .turn]) else { return }
        // A heartbeat that waits, for its receipt or for room, must not take its terminal from a newer connection.
        connection.beginFinishing()
        self.takeRest(of: connection, boundary: .end)
        guard connection.phase == .finishing else { return }
        let isSound = connection.flush()
        self.sampleAcknowledged(connection)
        // If only a heartbeat confirms, waiting would change nothing: none will come.
        guard isSound, !connection.window.isEmpty, connection.listener.confirm == .acknowledged else {
            return self.close(connection, .peerClosed)
        }
        // All are journalled together: one terminal at a time would each take a pass over the whole window.
        self.journal(connection, since: .distantFuture)
        for ccid in connection.session.ccids {
            self.handover.abandonClaim(of: ccid, by: connection)
            guard let terminal = self.terminals[ccid], terminal.connection === connection else { continue }
            self.storeOlderFrames(of: terminal)
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
            let isAnyLeft = self.ending.sweep(limit: Self.finishingAtOnce, now: now) { connection, isLate in
                self.sampleAcknowledged(connection)
                guard connection.window.isEmpty || isLate else { return false }
                self.close(connection, .peerClosed)
                return true
            }
            if isAnyLeft { self.scheduleFinishingSweep() }
        }
    }
}
