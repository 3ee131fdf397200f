/// The payloads sent and received, and the judgement of them. Pure: it has numbers, no sockets.
///
/// A payload is *confirmed* when the relay has answered a heartbeat that the same connection sent after it: it is accepted, and
/// must arrive. A payload whose connection broke before that is *uncertain*: it may arrive, and must not arrive twice.
///
/// Order and duplicates are judged per pair of terminals. Within one connection of the receiver, every counter has to be higher
/// than the one before. On a later connection the relay may send payloads again that it could not know to have arrived; those
/// are *redelivered*. A payload that has not arrived before must never arrive after a higher counter.
struct History {
    let run: UInt64
    private let terminals: Int
    private let firstCCID: UInt32
    private var pairs: [Pair]
    private(set) var tally = Tally()
    /// Payloads that are uncertain and have not arrived.
    private(set) var uncertain = 0

    /// Makes the history of a run of `terminals` terminals with successive CCIDs.
    init(run: UInt64, terminals: Int, firstCCID: UInt32) {
        self.run = run
        self.terminals = terminals
        self.firstCCID = firstCCID
        self.pairs = Array(repeating: Pair(), count: terminals * terminals)
    }

    // MARK: The sender's side

    /// Returns the next payload of a pair, and counts it as sent.
    mutating func send(from source: Int, to destination: Int) -> NumberedPayload {
        let index = source * self.terminals + destination
        self.tally.sent += 1
        return NumberedPayload(
            run: self.run,
            source: self.firstCCID + UInt32(source),
            destination: self.firstCCID + UInt32(destination),
            counter: self.pairs[index].send()
        )
    }

    /// Marks a heartbeat that the terminal sends: its reply will confirm all payloads sent before.
    mutating func mark(_ source: Int) {
        for index in self.pairs(of: source) { self.pairs[index].mark() }
    }

    /// Confirms all payloads before the marked heartbeat, after its reply.
    mutating func confirm(_ source: Int) {
        for index in self.pairs(of: source) { self.pairs[index].confirm() }
    }

    /// Makes all unconfirmed payloads uncertain, after the terminal's connection broke.
    mutating func abandon(_ source: Int) {
        for index in self.pairs(of: source) {
            self.uncertain += self.pairs[index].abandon()
        }
    }

    private func pairs(of source: Int) -> Range<Int> {
        source * self.terminals..<(source + 1) * self.terminals
    }

    // MARK: The receiver's side

    /// Judges a payload that has arrived.
    ///
    /// - Parameters:
    ///   - frameSource: the source that the frame names.
    ///   - receiver: the terminal that got it.
    ///   - connection: rises with each of the receiver's connections.
    mutating func receive(_ bytes: ArraySlice<UInt8>, frameSource: UInt32, receiver: Int, connection: Int) {
        guard let payload = try? NumberedPayload(bytes) else {
            self.tally.corrupted += 1
            return
        }
        guard payload.run == self.run else {
            self.tally.foreign += 1
            return
        }
        guard payload.destination == self.firstCCID + UInt32(receiver) else {
            self.tally.misdirected += 1
            return
        }
        guard payload.source == frameSource, payload.source >= self.firstCCID,
            payload.source - self.firstCCID < UInt32(self.terminals)
        else {
            self.tally.misattributed += 1
            return
        }
        let source = Int(payload.source - self.firstCCID)
        self.receive(payload.counter, in: source * self.terminals + receiver, connection: connection)
    }

    private mutating func receive(_ counter: UInt64, in index: Int, connection: Int) {
        let uncertain = self.pairs[index].uncertain.count
        defer { self.uncertain += self.pairs[index].uncertain.count - uncertain }
        switch self.pairs[index].receive(counter, connection: connection) {
        case .arrived: self.tally.arrived += 1
        case .outOfOrder:
            self.tally.arrived += 1
            self.tally.outOfOrder += 1
        case .redelivered: self.tally.redelivered += 1
        case .duplicated: self.tally.duplicated += 1
        case .neverSent: self.tally.misattributed += 1
        }
    }

    /// Counts received bytes that are no sound frame of the relay.
    mutating func receiveGarbage() {
        self.tally.corrupted += 1
    }

    // MARK: The result

    /// Whether all payloads have arrived that are not uncertain.
    var isComplete: Bool { self.tally.arrived + self.uncertain == self.tally.sent }

    /// Payloads that are confirmed and have not arrived.
    var lost: Int { self.pairs.reduce(0) { $0 + $1.lost } }

    /// Payloads that were sent and are neither confirmed nor uncertain.
    var undecided: Int { self.pairs.reduce(0) { $0 + Int($1.sent - $1.decided) } }
}

/// All payloads from one terminal to another.
private struct Pair {
    enum Verdict {
        case arrived
        case outOfOrder
        case redelivered
        case duplicated
        case neverSent
    }

    private(set) var sent: UInt64 = 0
    /// The counter up to which all payloads are confirmed or uncertain.
    private(set) var decided: UInt64 = 0
    /// The counters that are uncertain, and have not arrived.
    private(set) var uncertain: Set<UInt64> = []
    /// The value of `sent` when the last heartbeat was sent.
    private var marked: UInt64 = 0
    /// The highest counter that arrived.
    private var highest: UInt64 = 0
    /// Counters below `highest` that have not arrived.
    private var missing: Set<UInt64> = []
    /// The receiver's connection on which the last payload arrived, and its counter.
    private var connection = -1
    private var last: UInt64 = 0

    mutating func send() -> UInt64 {
        self.sent += 1
        return self.sent
    }

    mutating func mark() {
        self.marked = self.sent
    }

    mutating func confirm() {
        self.decided = max(self.decided, self.marked)
    }

    /// - Returns: the number of payloads that have become uncertain.
    mutating func abandon() -> Int {
        let before = self.uncertain.count
        for counter in self.decided..<self.sent where !self.hasArrived(counter + 1) { self.uncertain.insert(counter + 1) }
        self.decided = self.sent
        return self.uncertain.count - before
    }

    mutating func receive(_ counter: UInt64, connection: Int) -> Verdict {
        guard counter > 0, counter <= self.sent else { return .neverSent }
        defer {
            self.connection = connection
            self.last = counter
        }
        if self.hasArrived(counter) {
            return connection != self.connection || counter > self.last ? .redelivered : .duplicated
        }
        self.uncertain.remove(counter)
        if self.missing.remove(counter) != nil { return .outOfOrder }
        self.missing.formUnion(self.highest + 1..<counter)
        self.highest = counter
        return .arrived
    }

    private func hasArrived(_ counter: UInt64) -> Bool {
        counter <= self.highest && !self.missing.contains(counter)
    }

    var lost: Int {
        let late = self.missing.count { $0 <= self.decided }
        let tail = Int(max(self.decided, self.highest) - self.highest)
        return late + tail - self.uncertain.count
    }
}
