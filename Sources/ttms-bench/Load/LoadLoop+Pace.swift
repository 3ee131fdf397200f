import NIOCore

/// The sending mode of the senders of one event loop.
enum LoopPace {
    case none
    case closed(window: Int)
    /// The part of the schedule that belongs to this loop's senders; `next` is the first frame whose turn has not come.
    case open(Schedule, next: UInt64)
}

extension LoadLoop {
    /// The shortest time between two turns of an open loop. A timer costs a system call: frames due within 20 µs are sent
    /// together, and the generator needs less than one core at any rate.
    private static let shortestWait = TimeAmount.microseconds(20)
    /// Nanoseconds after which a turn ends even if frames are due. A generator that cannot keep pace would otherwise send for
    /// longer each time, and never read.
    private static let longestTurn: UInt64 = 1_000_000
    /// Nanoseconds from the start command to the first frame, so that all event loops begin together.
    static let leadTime: UInt64 = 2_000_000

    /// Prepares for sending and receiving; must have ended on all loops before one of them starts. A frame that arrives on a
    /// loop that knows no window frees no room in it. A few such frames stop their sender for good.
    ///
    /// - Parameter all: the senders of all loops.
    func prepare(_ all: [Sender], pace: Pace) {
        self.senders = all.compactMap { sender in
            guard let terminal = self.terminals[sender.index] else { return nil }
            terminal.begin(sender.target)
            return terminal
        }
        // Also without senders: frames that arrive here free room for senders of other loops.
        if case .closed(let window) = pace { self.pace = .closed(window: window) }
    }

    /// Begins to send.
    ///
    /// - Parameters:
    ///   - all: the senders of all loops.
    ///   - start: the due time of an open loop's first frame.
    func start(_ all: [Sender], pace: Pace, at start: UInt64) {
        switch pace {
        case .once:
            let now = LoadClock.now
            for sender in self.senders { sender.sendOne(.now(now)) }
        case .closed:
            for sender in self.senders { sender.fillWindow() }
        case .open(let rate):
            guard !self.senders.isEmpty else { return }
            let schedule = Schedule(
                start: start,
                frames: UInt64(rate) * UInt64(self.senders.count),
                interval: UInt64(all.count) * LoadClock.second
            )
            self.pace = .open(schedule, next: 0)
            for (position, sender) in self.senders.enumerated() {
                sender.follow(schedule, position: UInt64(position), of: UInt64(self.senders.count))
            }
            self.waitForDue(schedule.start)
        }
    }

    /// Ends sending; frames on their way still arrive.
    func stop() {
        self.pace = .none
        self.senders = []
    }

    private func waitForDue(_ time: UInt64) {
        let now = LoadClock.now
        let wait = TimeAmount.nanoseconds(time > now ? Int64(clamping: time - now) : 0)
        self.eventLoop.scheduleTask(in: max(wait, Self.shortestWait)) { self.sendDue() }
    }

    private func sendDue() {
        guard case .open(let schedule, let next) = self.pace, self.failure == nil else { return }
        let now = LoadClock.now
        let due = schedule.due(at: now)
        // A sender sends all its due frames at once, so after one round no frame is due.
        let senders = UInt64(self.senders.count)
        let round = max(next, min(due, next + senders))
        var turn = next
        while turn < round, LoadClock.now - now < Self.longestTurn {
            self.senders[Int(turn % senders)].catchUp(due: due, now: now)
            turn += 1
        }
        if turn == round { turn = max(due, next) }
        self.pace = .open(schedule, next: turn)
        self.waitForDue(schedule.time(of: turn))
    }
}
