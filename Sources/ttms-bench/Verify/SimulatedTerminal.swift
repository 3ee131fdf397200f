import TTMSProtocol

/// One terminal of a run: its state, and the replies that it waits for.
struct SimulatedTerminal {
    /// The states of a terminal, in this order, repeated.
    enum State {
        /// Offline until `until` payloads of all terminals have been sent.
        case away(until: Int)
        /// Its first heartbeat has not been answered.
        case registering
        /// It sends and receives.
        case active
        /// It sends nothing more, and waits for the reply to its last heartbeat.
        case leaving
        /// It has sent its FIN, and reads until the relay closes.
        case finishing
    }

    let index: Int
    let ccid: CCID
    var state: State
    var stream: Stream?
    /// The number of its connections.
    var connection = 0
    /// Payloads that it may receive before it leaves.
    var patience: Int
    /// Payloads sent since the last heartbeat.
    var sinceHeartbeat = 0
    /// Whether a heartbeat waits for its reply.
    var awaitsReply = false
    /// Whether that heartbeat was sent after everything had arrived.
    var asksForTheEnd = false
    /// Whether that heartbeat was answered: a duplicate for this terminal would have arrived before the reply.
    var hasSeenTheEnd = false

    init(index: Int, ccid: CCID, patience: Int) {
        self.index = index
        self.ccid = ccid
        self.patience = patience
        self.state = .away(until: 0)
    }

    /// Whether it may send: few bytes wait for its socket, and few payloads for a receipt.
    var maySend: Bool {
        guard let stream, stream.unsent < Plan.unsentLimit else { return false }
        return !self.awaitsReply || self.sinceHeartbeat < Plan.receiptWindow
    }

    /// Queues a frame in the dialect `total` for sending.
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
