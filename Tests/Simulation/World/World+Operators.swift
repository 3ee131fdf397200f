import NIOCore
import RelayCore
import TTMSProtocol
import TestKit

@testable import RelayServer

// What operators do, and what is looked at while the world goes on.
extension World {
    private static let operatorSource = CCID(rawValue: 0x0000_0e0e)

    func inject() {
        guard let destination = self.schedule.terminals.flatMap(\.ccids).randomElement(using: &self.random) else { return }
        // As `RelayServer.inject` finds the terminal, but without waiting for one that moves.
        var index = self.relay.shards[0].home(of: destination)
        if case .shard(let other) = self.relay.shards[index].place(of: destination) { index = other }
        let number = self.claims.nextNumber
        let payload = NumberedPayload.bytes(number, size: Int.random(in: self.schedule.payload, using: &self.random))
        let frame = WireFrame.forwarded(from: Self.operatorSource, payload)
        let injection = Injection(source: Self.operatorSource, destination: destination, payload: payload)
        let outcome = self.relay.shards[index].inject(ByteBuffer(bytes: frame), injection)
        guard let outcome else { return }
        self.note("an operator sends message \(number) to \(destination)")
        var message = Claims.Message(source: Self.operatorSource, destination: destination, frame: frame, sender: -1)
        message.readIn = self.claims.step
        message.handledIn = self.claims.step
        message.handledRound = self.claims.round
        self.claims.messages.append(message)
        let relay = self.relay
        outcome.assumeIsolated().whenSuccess { [weak self] _ in
            // A process that has died answers nobody.
            if let self, self.relay === relay { self.claims.answered(number) }
        }
    }

    func delete(all: Bool) {
        guard let ccid = self.schedule.terminals.flatMap(\.ccids).randomElement(using: &self.random) else { return }
        let choice = Int.random(in: 0..<1_000, using: &self.random)
        self.note("an operator deletes \(all ? "all messages" : "a message") of \(ccid)")
        self.relay.store.change { store in
            if all {
                _ = try? store.deleteAll(of: ccid)
            } else if let messages = try? store.messages(of: ccid, after: nil, limit: .max), !messages.isEmpty {
                _ = try? store.delete(messages[choice % messages.count].id)
            }
        }
    }

    func kick() {
        guard let ccid = self.schedule.terminals.flatMap(\.ccids).randomElement(using: &self.random) else { return }
        self.note("an operator kicks \(ccid)")
        for shard in self.relay.shards where shard.kick(ccid) { return }
    }

    /// Counts everything as operators see it (G7). With several event loops that is exact only at rest.
    func checkLedger(isAtRest: Bool = false) {
        let cuts = self.relay.shards.map { $0.cutLedger() }
        let before = self.relay.startedAt
        let (claims, absent) = (self.claims, self.schedule.absent)
        guard isAtRest || cuts.count == 1 else { return }
        self.relay.store.look { store in
            let ledger = Ledger(cuts, store.totals, since: before, storedInFlight: store.inFlightFrames)
            if ledger.imbalance != 0 { claims.violated("G7: the ledger's imbalance is \(ledger.imbalance): \(ledger).") }
            guard isAtRest else { return }
            let kept = store.backlog(of: absent).frames
            if ledger.inFlight != 0 || ledger.queued != UInt64(kept) {
                claims.violated("At rest, with \(kept) frames for an absent terminal, the ledger is \(ledger).")
            }
        }
    }

    /// Memory (G6), and who has which terminal.
    func checkBounds() {
        let outbound = self.schedule.options.outbound
        let frame = Frame.minimumSize + self.schedule.payload.upperBound
        // One read of the terminal, which brings replies or frames to itself before it is held back.
        let read = 8_192
        for shard in self.relay.shards {
            for connection in shard.connections {
                let perTerminal = outbound.readSize + outbound.lowWatermark + 2 * frame
                let limit = outbound.highWatermark + connection.session.count * perTerminal + read
                if connection.outbound.unacknowledged > limit {
                    self.claims.violated("G6: \(connection.outbound.unacknowledged) bytes wait on a connection, over \(limit).")
                }
            }
            var online = 0
            shard.terminals.forEach { if $0.connection != nil { online += 1 } }
            if shard.terminalsOnline != online {
                self.claims.violated("\(shard.terminalsOnline) terminals count as online, but \(online) have a connection.")
            }
            for ccid in shard.heldFrames.terminals {
                let held = shard.terminals[ccid]?.held.frameBytes ?? 0
                if held > outbound.lowWatermark + frame { self.claims.violated("G6: \(held) bytes are held for \(ccid).") }
            }
        }
        for ccid in self.schedule.terminals.flatMap(\.ccids) {
            let owners = self.relay.shards.count { $0.terminals[ccid]?.connection != nil }
            if owners > 1 { self.claims.violated("\(ccid) has \(owners) owners.") }
        }
    }
}
