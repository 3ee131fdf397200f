import NIOCore
import RelayCore
import TTMSProtocol

/// A connection whose peer has sent its last byte, and whose end waits for what is in flight.
struct FinishingConnection {
    var connection: TerminalConnection
    /// When it is closed at the latest.
    var deadline: NIODeadline
}

// The peer's last byte (FIN): what crosses it on the way still arrives, and should not come again.
extension Shard {
    /// How long the peer's kernel has for acknowledging what is on its way when the FIN comes: a few round trips of all but the
    /// slowest networks. A new connection of the terminal does not wait for it.
    private static let finishPatience = TimeAmount.milliseconds(200)
    /// How soon a connection that ends is looked at again: there are few, each for less than ``finishPatience``.
    private static let finishInterval = TimeAmount.milliseconds(4)

    /// The peer has sent its last byte. From here on nothing is put on the connection; it is closed when all that is in flight is
    /// acknowledged, when the peer resets it, or when that has taken too long.
    func finish(_ connection: TerminalConnection) {
        connection.pause(for: .finish)
        self.abandonReceipt(of: connection)
        guard connection.closeReason == nil else { return }
        let isSound = connection.flush()
        self.sampleAcknowledged(connection)
        // Where only a heartbeat confirms, waiting would change nothing: none will come.
        guard isSound, !connection.window.isEmpty, connection.listener.confirm == .acknowledged else {
            return self.close(connection, .peerClosed)
        }
        for ccid in connection.session.ccids {
            self.handover.abandonClaim(of: ccid, by: connection)
            guard let terminal = self.terminals[ccid], terminal.connection === connection else { continue }
            self.makeWay(for: terminal)
            terminal.update { $0.finish() }
            self.injections.disconnected(ccid)
        }
        self.finishing.append(.init(connection: connection, deadline: self.startRead() + Self.finishPatience))
        if self.finishing.count == 1 { self.scheduleFinishingSweep() }
    }

    private func scheduleFinishingSweep() {
        self.eventLoop.scheduleTask(in: Self.finishInterval) {
            let now = self.startRead()
            for entry in self.finishing where entry.connection.closeReason == nil {
                self.sampleAcknowledged(entry.connection)
                if entry.connection.window.isEmpty || entry.deadline <= now { self.close(entry.connection, .peerClosed) }
            }
            self.finishing.removeAll { $0.connection.closeReason != nil }
            if !self.finishing.isEmpty { self.scheduleFinishingSweep() }
        }
    }
}
