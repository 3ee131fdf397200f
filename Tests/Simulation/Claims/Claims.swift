import NIOCore
import RelayCore
import TTMSProtocol

@testable import RelayServer

/// What the relay has promised, held against what terminals have sent, what their kernels have got, and what is on disk.
///
/// It knows nothing of the relay's insides but two things that its terminals could not see: how much of what it has read it has
/// handled (a heartbeat that waits for its receipt keeps back what follows), and which frames the store's disk has. Everything else
/// is what is on the wire. The first violation is kept; the run ends with it.
final class Claims {
    /// What was sent, and what has become of it.
    struct Message {
        let source: CCID
        let destination: CCID
        /// As its destination gets it.
        let frame: [UInt8]
        /// The connection that it was sent on; -1 for an operator.
        let sender: Int
        /// The step in which its last byte was read; `nil` until then, and for ever when its connection ended before.
        var readIn: Int?
        /// The step by whose end it was handled, at the latest, and the round.
        var handledIn: Int?
        var handledRound = 0
        /// Its sender has a receipt for it.
        var isReceipted = false
        /// A kernel of its destination has it; with `confirm: heartbeat`, and a heartbeat has come since.
        var isDelivered = false
        /// It has been on disk.
        var wasDurable = false
        /// It expired, was deleted or evicted, or was refused at a cap.
        var isEnded = false
        /// Such an end was not durable when a process died.
        var hasReturned = false
        /// It was lost as it may be: with a crash, in the window.
        var isExcused = false
        /// A crash forgot that it was delivered, or how far it had got.
        var mayRepeat = false
        /// A kernel of its destination has got it, if only for the first time.
        var hasArrived = false
        /// The connections that it was written on.
        var carriers: [Int] = []
    }

    let options: ServerOptions
    /// Terminals that never connect.
    let absent: Set<CCID>
    var step = 0
    /// Counts the times that all that was old enough for the journal has been given to the store, and everything given was durable.
    var round = 0
    var messages: [Message] = []
    private(set) var durable: Set<Int> = []
    private(set) var violation: String?
    private var connections: [Int: ClaimedConnection] = [:]
    private var unhandled: [ClaimedConnection] = []
    /// Messages whose receipts have been seen in this step.
    private var receipts: [Int] = []
    private var life = 0
    /// Per stream (one sender's connection to one destination) the number that arrived first last.
    private var latest: [ClaimedConnection.Stream: Int] = [:]
    /// Per destination, the latest step in which something that has arrived was read.
    private var latestRead: [CCID: Int] = [:]

    init(options: ServerOptions, absent: Set<CCID>) {
        self.options = options
        self.absent = absent
    }

    private var isSingle: Bool { self.options.eventLoops == 1 }
    private var confirm: Confirmation { self.options.listeners[0].confirm }

    func violated(_ text: String) {
        if self.violation == nil { self.violation = "step \(self.step): \(text)" }
    }

    // MARK: From terminals

    func opened(_ socket: SimulatedSocket) {
        self.connections[socket.number] = ClaimedConnection(socket, life: self.life)
    }

    func accepted(_ socket: SimulatedSocket, as connection: TerminalConnection?) {
        self.connections[socket.number]?.connection = connection
    }

    /// The number of the next message.
    var nextNumber: Int { self.messages.count }

    func wrote(_ item: ClaimedConnection.Item, on socket: SimulatedSocket) {
        self.connections[socket.number]?.items.append((socket.written, item))
    }

    /// The relay has read bytes.
    func given(on socket: SimulatedSocket) {
        guard let connection = self.connections[socket.number] else { return }
        connection.takeItems(upTo: socket.given) { item in
            switch item {
            case .noise: connection.isBroken = true
            case .heartbeat(let ccid):
                connection.registered.insert(ccid)
                connection.heartbeats += 1
                self.rivals[ccid, default: []].append(.init(connection: socket.number, readIn: self.step))
            case .data(let number): self.messages[number].readIn = self.step
            }
        }
        if !self.unhandled.contains(where: { $0 === connection }) { self.unhandled.append(connection) }
    }

    /// Heartbeats that the relay has read, per terminal.
    private var rivals: [CCID: [ClaimedConnection.Heartbeat]] = [:]

    /// The end of a step.
    func noteHandled() {
        self.noteConfirmed()
        for number in self.receipts { self.checkReceipt(number) }
        self.receipts = []
        self.unhandled.removeAll { connection in
            connection.takeHandled(dropped: { self.dropped($0) }) { item in
                switch item {
                case .noise: return
                case .heartbeat(let ccid):
                    let index = self.rivals[ccid]?.firstIndex { $0.connection == connection.number && $0.handledIn == .max }
                    if let index { self.rivals[ccid]?[index].handledIn = self.step }
                case .data(let number):
                    self.messages[number].handledIn = self.step
                    self.messages[number].handledRound = self.round
                }
            }
        }
    }

    /// It had to wait for room in the store until its connection ended: it was never taken.
    private func dropped(_ item: ClaimedConnection.Item) {
        if case .data(let number) = item { self.messages[number].readIn = nil }
    }

    // MARK: To terminals

    /// The relay's kernel has taken a frame.
    ///
    /// - Returns: whether it makes sense.
    func sent(_ frame: [UInt8], end: Int, on socket: SimulatedSocket) -> Bool {
        guard let connection = self.connections[socket.number] else { return false }
        if frame[4] == UInt8(ascii: "S") {
            connection.outgoing.append(.init(end: end, number: nil))
            // What the relay writes next may leave its hands before the socket has taken this.
            return self.replied(frame, on: connection, since: socket.handedIn(end - frame.count) ?? self.step)
        }
        let number = NumberedPayload.number(frame[Frame.contentOffset...])
        guard self.messages.indices.contains(number), self.messages[number].frame == frame else {
            let expected = self.messages.indices.contains(number) ? self.messages[number].frame : []
            self.violated("Connection \(socket.number) got a frame that nobody sent: \(frame), not \(expected).")
            return false
        }
        let message = self.messages[number]
        if !connection.registered.contains(message.destination) {
            self.violated("Connection \(socket.number) got message \(number), which is for \(message.destination).")
        }
        if self.options.journal == .after(.zero), !message.wasDurable {
            self.violated("G4: message \(number) was forwarded before it was on disk.")
        }
        self.checkRepeated(number, on: connection, handedIn: socket.handedIn(end - frame.count))
        self.messages[number].carriers.append(connection.number)
        let tenure = connection.tenures[message.destination, default: .init()].number
        connection.outgoing.append(.init(end: end, number: number, tenure: tenure))
        return true
    }

    /// - Parameter since: the step in which the reply left the relay's hands.
    private func replied(_ frame: [UInt8], on connection: ClaimedConnection, since: Int) -> Bool {
        guard frame.count == Frame.heartbeatSize, frame.reduce(0, ^) == 0, frame.starts(with: Array("$TTMS".utf8)) else {
            self.violated("Connection \(connection.number) got what is neither a reply nor data: \(frame).")
            return false
        }
        let ccid = connection.takeReplied { number in
            guard self.options.listeners[0].givesReceipts else { return }
            self.messages[number].isReceipted = true
            // The relay is writing: what it takes for delivered can be seen when it has.
            if self.confirm == .heartbeat { self.receipts.append(number) } else { self.checkReceipt(number) }
        }
        guard let ccid else {
            self.violated("Connection \(connection.number) got a reply that it had not asked for.")
            return false
        }
        if let index = self.rivals[ccid]?.firstIndex(where: { $0.connection == connection.number && $0.repliedIn == nil }) {
            self.rivals[ccid]?[index].repliedIn = self.step
        }
        let tenure = connection.tenures[ccid, default: .init()]
        let isContested = (self.rivals[ccid] ?? []).contains { rival in
            rival.connection != connection.number && max(rival.handledIn, rival.repliedIn ?? 0) >= tenure.since
        }
        if isContested {
            // It may have lost the terminal meanwhile, and got it again: what it had may come again.
            connection.tenures[ccid] = .init(number: tenure.number + 1, since: since)
        }
        return true
    }

    private func checkReceipt(_ number: Int) {
        let message = self.messages[number]
        if message.readIn == nil {
            self.violated("G5: connection \(message.sender) has a receipt for message \(number), which was not read.")
        } else if !message.isDelivered, !message.isEnded, !self.durable.contains(number) {
            self.violated("G5: connection \(message.sender) has a receipt for message \(number), not delivered, nor on disk.")
        }
    }

    /// An operator has the answer that the message is kept.
    func answered(_ number: Int) {
        self.noteConfirmed()
        self.messages[number].isReceipted = true
        let message = self.messages[number]
        if !message.isDelivered, !message.isEnded, !self.durable.contains(number) {
            self.violated("G2: an operator was told that message \(number) is kept; it is not on disk.")
        }
    }

    /// The terminal's kernel has got bytes.
    func delivered(on socket: SimulatedSocket) {
        guard let connection = self.connections[socket.number] else { return }
        connection.takeArrived(upTo: socket.delivered) { self.arrived($0, tenure: $1, on: connection) }
    }

    /// The relay was told how much is acknowledged.
    func reported(on socket: SimulatedSocket) {
        guard self.confirm == .acknowledged, let connection = self.connections[socket.number] else { return }
        connection.takeReported(upTo: socket.reported, step: self.step) { _ in }
    }

    /// With `confirm: heartbeat` what the relay takes for delivered is known only to itself; here it is seen that a heartbeat came
    /// before, and that the terminal has it.
    private func noteConfirmed() {
        guard self.confirm == .heartbeat else { return }
        for connection in self.connections.values where connection.life == self.life {
            guard connection.takeConfirmed(step: self.step, { self.messages[$0].isDelivered = true }) else {
                self.violated("G3: without a heartbeat the relay confirmed what connection \(connection.number) got.")
                return
            }
        }
    }

    private func arrived(_ number: Int, tenure: Int, on connection: ClaimedConnection) {
        let message = self.messages[number]
        let stream = ClaimedConnection.Stream(sender: message.sender, destination: message.destination)
        var held = stream
        held.tenure = tenure
        if let last = connection.latest.updateValue(number, forKey: held), last >= number {
            self.violated("G1: message \(number) came behind \(last) on connection \(connection.number).")
        }
        self.messages[number].hasArrived = true
        if self.confirm == .acknowledged { self.messages[number].isDelivered = true }
        // What a dead process, or a queue that has forgotten it, had on its way comes when it comes.
        guard !message.hasArrived, connection.life == self.life, !message.isEnded, !message.hasReturned else { return }
        if let last = self.latest[stream], last > number {
            self.violated("G1: message \(number) came first behind \(last), on connection \(connection.number).")
        }
        self.latest[stream] = number
        guard self.isSingle, let readIn = message.readIn else { return }
        if let latest = self.latestRead[message.destination], let handledIn = message.handledIn, handledIn < latest {
            self.violated("G1: message \(number), taken in step \(handledIn), came behind one that was read in step \(latest).")
        }
        self.latestRead[message.destination] = max(self.latestRead[message.destination] ?? 0, readIn)
    }

    /// A message may be written again (G9) when its connection ended, or lost the terminal, before the relay knew that it had come.
    ///
    /// - Parameter handedIn: the step in which the frame's first byte was sent, or SwiftNIO given it: from then on the relay cannot
    ///   withdraw the frame.
    private func checkRepeated(_ number: Int, on connection: ClaimedConnection, handedIn: Int?) {
        let message = self.messages[number]
        guard !message.mayRepeat else { return }
        let rivals = self.rivals[message.destination] ?? []
        for carrier in message.carriers.compactMap({ self.connections[$0] }) {
            guard let known = carrier.known(number), known < handedIn ?? .max || handedIn == self.step else { continue }
            let opened = carrier.openedIn(rivals)
            // Handed over before that connection had the terminal, in the same step at the latest.
            guard handedIn ?? .max > opened else { continue }
            // Since another has asked for the terminal, it may be gone from there, and the message back in the queue.
            let contested = rivals.filter { $0.handledIn >= opened && $0.connection != carrier.number }.map(\.readIn).min()
            if known < max(contested ?? .max, opened) {
                self.violated(
                    "G9: message \(number) was written again on connection \(connection.number), though it was known from "
                        + "step \(known) on that connection \(carrier.number) has it."
                )
            }
        }
    }

    // MARK: The store

    func committed(_ numbers: Set<Int>) {
        for number in numbers where !self.durable.contains(number) { self.messages[number].wasDurable = true }
        self.durable = numbers
    }

    func ended(_ number: Int) {
        self.messages[number].isEnded = true
    }

    // MARK: The end of a process

    /// Nothing of the process is looked at any more.
    func leaveProcess() {
        for connection in self.connections.values { connection.connection = nil }
    }

    /// The process has died, or has ended as it should.
    ///
    /// - Parameter isOrderly: it has had the time to store everything, and its disk was sound.
    func processEnded(isOrderly: Bool) {
        self.noteConfirmed()
        for number in self.messages.indices {
            let message = self.messages[number]
            if self.durable.contains(number) {
                self.messages[number].mayRepeat = true
                // Its end was not durable: it comes again, behind what was delivered in its place.
                self.messages[number].hasReturned = message.hasReturned || message.isEnded
                self.messages[number].isEnded = false
                continue
            }
            guard message.readIn != nil, !message.isDelivered, !message.isEnded, !message.isExcused else { continue }
            if let promise = self.promise(for: message, isOrderly: isOrderly) {
                self.violated("\(promise): message \(number) for \(message.destination) was lost when the process ended.")
            }
            self.messages[number].isExcused = true
        }
        self.unhandled = []
        self.leaveProcess()
        self.life += 1
    }

    private func promise(for message: Message, isOrderly: Bool) -> String? {
        if message.isReceipted { return message.sender < 0 ? "G2" : "G5" }
        if isOrderly { return "stopping" }
        // With several event loops a frame can be between two of them for as long as one of them does not run.
        guard self.isSingle, self.options.journal != .off, message.handledIn != nil else { return nil }
        return self.round - message.handledRound >= 3 ? "G4" : nil
    }

    // MARK: The end of the run

    /// Messages that have to arrive yet.
    var due: Int {
        self.messages.reduce(0) { $0 + (self.isDue($1) ? 1 : 0) }
    }

    private func isDue(_ message: Message) -> Bool {
        message.readIn != nil && !message.isDelivered && !message.isEnded && !message.isExcused
            && !self.absent.contains(message.destination)
    }

    /// Everything has had its time.
    func finish() {
        for (number, message) in self.messages.enumerated() where self.isDue(message) {
            let place = self.durable.contains(number) ? "on disk" : "not on disk"
            let way =
                "read in step \(message.readIn ?? -1), handled in \(message.handledIn ?? -1), written on \(message.carriers)"
            self.violated(
                "Message \(number) from \(message.source) to \(message.destination) has not come; it is \(place), \(way)."
            )
        }
        for (number, message) in self.messages.enumerated() where self.absent.contains(message.destination) {
            guard message.readIn != nil, !message.isEnded, !message.isExcused else { continue }
            if !self.durable.contains(number) { self.violated("G2: message \(number), for an absent terminal, is not kept.") }
        }
    }
}
