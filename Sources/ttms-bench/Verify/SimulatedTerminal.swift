import TTMSProtocol

/// One terminal of a run: whether it is there, and what it waits for.
struct SimulatedTerminal {
    /// The life of a terminal, in this order, again and again.
    enum State {
        /// Away until so many payloads have been sent in all.
        case away(until: Int)
        /// Its first heartbeat has not been answered.
        case registering
        /// It sends and receives.
        case active
        /// It sends nothing more and waits for the reply to its last heartbeat.
        case leaving
        /// It has said that it sends nothing more, and reads what comes until the relay closes.
        case finishing
    }

    let index: Int
    let ccid: CCID
    var state: State
    var stream: Stream?
    /// Counts its connections.
    var connection = 0
    /// Payloads that it may receive before it leaves.
    var patience: Int
    /// Payloads sent since the last heartbeat.
    var sinceHeartbeat = 0
    /// A heartbeat waits for its reply.
    var awaitsReply = false
    /// That heartbeat was sent when everything had arrived.
    var asksForTheEnd = false
    /// It was answered: what came to this terminal too much would have come before the reply.
    var hasSeenTheEnd = false

    init(index: Int, ccid: CCID, patience: Int) {
        self.index = index
        self.ccid = ccid
        self.patience = patience
        self.state = .away(until: 0)
    }

    /// Whether enough of what it has sent is on its way.
    var maySend: Bool {
        guard let stream, stream.unsent < Plan.unsentLimit else { return false }
        return !self.awaitsReply || self.sinceHeartbeat < Plan.receiptWindow
    }

    /// Writes a frame in the dialect `total` to be sent.
    func put(address: UInt32, command: Command, content: [UInt8]) {
        var frame = Array("$TTMS".utf8)
        frame.append(bigEndian: UInt16(Frame.minimumSize + content.count))
        frame.append(bigEndian: address)
        frame.append(command.rawValue)
        frame += content
        frame.append(frame.reduce(0, ^))
        self.stream?.put(frame)
    }
}
