/// Counts of a run.
struct Tally: Equatable {
    var sent = 0
    /// Payloads that have arrived, each counted once.
    var arrived = 0
    /// Payloads that arrived again on a later connection of the receiver.
    var redelivered = 0
    /// Payloads that an earlier run has left in the relay.
    var foreign = 0
    /// Payloads that arrived again on the same connection.
    var duplicated = 0
    /// Payloads that arrived after one that was sent later.
    var outOfOrder = 0
    /// Payloads that arrived at the wrong terminal.
    var misdirected = 0
    /// Payloads with a source that did not send them.
    var misattributed = 0
    /// Payloads that arrived with other bytes than sent.
    var corrupted = 0
}

/// The outcome of a run.
struct Report: CustomStringConvertible {
    var seed: UInt64
    var terminals: Int
    var tally: Tally
    var lost: Int
    var uncertain: Int
    var reconnections: Int
    /// Connections that the relay closed.
    var brokenConnections: Int
    var toleratesRestarts: Bool
    /// The reason why the run ended before everything had arrived; `nil` when it had.
    var givenUp: String?

    /// Whether the run found no fault of the relay.
    var isClean: Bool {
        self.givenUp == nil && self.faults.allSatisfy { $0.count == 0 }
    }

    private var faults: [(name: String, count: Int)] {
        [
            ("lost", self.lost),
            ("duplicated", self.tally.duplicated),
            ("out of order", self.tally.outOfOrder),
            ("misdirected", self.tally.misdirected),
            ("misattributed", self.tally.misattributed),
            ("corrupted", self.tally.corrupted),
        ] + (self.toleratesRestarts ? [] : [("broken connections", self.brokenConnections)])
    }

    var description: String {
        var lines = [
            "seed \(self.seed): \(self.terminals) terminals, \(self.tally.sent) payloads sent, \(self.tally.arrived) arrived",
            "reconnections \(self.reconnections), broken connections \(self.brokenConnections), redelivered "
                + "\(self.tally.redelivered), uncertain \(self.uncertain), of earlier runs \(self.tally.foreign)",
            self.faults.map { "\($0.name) \($0.count)" }.joined(separator: ", "),
        ]
        if let givenUp { lines.append("given up: \(givenUp)") }
        lines.append(self.isClean ? "clean" : "NOT CLEAN")
        return lines.joined(separator: "\n")
    }
}
