import NIOCore
import RelayCore
import TTMSProtocol

// The first heartbeat of a read is always handled. The others wait in the connection's unfinished bytes, as if they came later.
extension Shard {
    /// The delay until more heartbeats are handled: the event loop serves its other connections meanwhile.
    private static let longReadInterval = TimeAmount.milliseconds(1)

    /// Whether the rest of a read from `connection`, which begins with a heartbeat, is left for another turn. The connection is
    /// then paused.
    @inline(__always)
    func postponesRest(of connection: TerminalConnection) -> Bool {
        self.longReads.spent >= self.longReads.limit && self.postponeRest(of: connection)
    }

    @inline(never)
    private func postponeRest(of connection: TerminalConnection) -> Bool {
        // Heartbeats of a connection that ends are not answered.
        guard !connection.isEnding else { return false }
        connection.pause(for: .turn)
        self.longReads.waiting.append(connection)
        self.scheduleLongReads()
        return true
    }

    private func scheduleLongReads() {
        guard !self.longReads.isScheduled else { return }
        self.longReads.isScheduled = true
        self.eventLoop.scheduleTask(in: Self.longReadInterval) {
            self.longReads.isScheduled = false
            _ = self.startRead()
            self.longReads.spent = 0
            for _ in 0..<self.longReads.waiting.count {
                guard self.longReads.spent < self.longReads.limit, let connection = self.longReads.waiting.popFirst() else {
                    break
                }
                guard connection.closeReason == nil, connection.isPaused(for: .turn) else { continue }
                connection.resumeReading(after: .turn)
                connection.handler?.resume()
            }
            if !self.longReads.waiting.isEmpty { self.scheduleLongReads() }
        }
    }
}
