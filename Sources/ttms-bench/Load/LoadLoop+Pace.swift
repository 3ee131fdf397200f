import NIOCore

/// What the senders of one event loop do.
enum LoopPace {
    case none
    case closed(window: Int)
    /// The part of the schedule that this loop's senders have; `next` is the first frame that has not had its turn.
    case open(Schedule, next: UInt64)
}

extension LoadLoop {
    /// Two turns of an open loop are at least so far apart. A timer costs a system call: with this, what is due within 20 µs goes
    /// out together, and the generator stays below one core at any rate.
    private static let shortestWait = TimeAmount.microseconds(20)
    /// Nanoseconds after which a turn ends with frames still due: a generator that cannot keep up would otherwise send longer each
    /// time, and never look at what arrives.
    private static let longestTurn: UInt64 = 1_000_000
    /// The senders begin together, when all event loops know of it.
    static let leadTime: UInt64 = 2_000_000

    /// Gets ready to send, and for what others send: has to be over on all loops before one of them starts. A frame that arrives on a
    /// loop that knows of no window would make no room in it, and a few of those stop the sender for good.
    ///
    /// - Parameter all: the senders of all loops.
    func prepare(_ all: [Sender], pace: Pace) {
        self.senders = all.compactMap { sender in
            guard let terminal = self.terminals[sender.index] else { return nil }
            terminal.begin(sender.target)
            return terminal
        }
        // Also without senders: what arrives here makes room for those of other loops.
        if case .closed(let window) = pace { self.pace = .closed(window: window) }
    }

    /// Begins to send.
    ///
    /// - Parameters:
    ///   - all: the senders of all loops.
    ///   - start: when an open loop's first frame is due.
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

    /// Ends sending; what is under way still arrives.
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
        // A sender sends all that it has missed at once: after a round nobody has missed anything.
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
