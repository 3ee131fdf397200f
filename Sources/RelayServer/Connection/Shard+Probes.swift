import NIOCore
import RelayCore

// While the relay is full, dead peers occupy connections that others need. The kernel is made to probe those that have been silent
// longest: dead ones are lost within seconds, and the others answer without effect.
extension Shard {
    /// Silence after which a connection is probed.
    private static let probedSilence = TimeAmount.seconds(5)
    /// The shortest time between two probes of one connection: each probe wakes a modem.
    private static let probePause = TimeAmount.seconds(30)
    /// The time in which a probed connection is lost, or has answered.
    private static let probeTime = TimeAmount.seconds(8)
    /// The maximum number of connections probed in one turn: about 2 ms.
    private static let probesAtOnce = 128

    /// Probes connections that are silent while the relay is full. Called several times a second.
    func probeSilent() {
        let now = self.eventLoop.now
        for _ in 0..<Self.probesAtOnce {
            guard let connection = self.probed.takeEnded(by: now) else { break }
            if connection.closeReason == nil { connection.probe(false) }
        }
        guard self.limiter.isFull, !self.isStopping else { return }
        for connection in self.longestSilent(now: now) {
            connection.probedAt = now
            connection.probe(true)
            self.counters.probes += 1
            self.probed.add(connection, until: now + Self.probeTime)
        }
    }

    /// The connections that have been silent longest and were not probed recently, at most ``probesAtOnce``.
    private func longestSilent(now: NIODeadline) -> [TerminalConnection] {
        var found: [TerminalConnection] = []
        for connection in self.connections {
            guard now - connection.lastReceived >= Self.probedSilence, now - Self.probePause >= connection.probedAt else {
                continue
            }
            if found.count == Self.probesAtOnce {
                guard let last = found.last, connection.lastReceived < last.lastReceived else { continue }
                found.removeLast()
            }
            var low = 0
            var high = found.count
            while low < high {
                let middle = (low + high) / 2
                if found[middle].lastReceived <= connection.lastReceived { low = middle + 1 } else { high = middle }
            }
            found.insert(connection, at: low)
        }
        return found
    }
}
