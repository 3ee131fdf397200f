import NIOCore
import TTMSProtocol

extension LoadTerminal {
    /// Bytes of one write at most, and a frame more; further frames are sent in other writes.
    private static let batch = 128 << 10

    /// Makes the terminal a sender.
    func begin(_ target: Target) {
        self.target = target
        self.underWay = 0
        self.isInLine = false
        self.turn = nil
    }

    // MARK: Closed loop

    /// Frees room in the window for a frame that has arrived.
    ///
    /// - Returns: whether the terminal has enough room to send, and is not in line for that yet.
    @inline(__always)
    func giveRoom() -> Bool {
        self.underWay &-= 1
        guard !self.isInLine, case .closed(let window) = self.loop.pace, (window &- self.underWay) &* 4 >= window else {
            return false
        }
        self.isInLine = true
        return true
    }

    /// Sends as many frames as its window has room for, once that is a quarter of the window. A write for each frame that
    /// arrives would not be pipelined.
    func fillWindow() {
        self.isInLine = false
        guard self.context != nil, self.target != nil, case .closed(let window) = self.loop.pace else { return }
        while (window &- self.underWay) &* 4 >= window, window > self.underWay, self.context?.channel.isWritable == true {
            self.outbound.clear()
            // Counted before the flush, which may call this function again.
            self.underWay &+= self.put(window &- self.underWay, .now(LoadClock.now))
            self.flush()
        }
    }

    // MARK: Open loop

    /// Makes the terminal send its part of a schedule's frames.
    func follow(_ schedule: Schedule, position: UInt64, of senders: UInt64) {
        self.turn = (schedule, position, senders, 0)
    }

    /// Sends its frames that are due and not sent, as many as one write may have. While the socket accepts nothing, they stay
    /// due, and their latency includes that delay.
    func catchUp(due: UInt64, now: UInt64) {
        guard let turn else { return }
        let owed = Schedule.share(of: due, position: turn.position, senders: turn.senders)
        guard turn.sent < owed, self.context?.channel.isWritable == true else { return }
        let first = turn.position + turn.sent * turn.senders
        self.outbound.clear()
        let sent = UInt64(self.put(Int(clamping: owed - turn.sent), .due(turn.schedule, first: first, step: turn.senders)))
        self.turn?.sent += sent
        self.flush()
        guard !self.loop.plan.slow.contains(self.index) else { return }
        for frame in 0..<sent {
            self.loop.measurements.lateness.record(from: turn.schedule.time(of: first + frame * turn.senders), to: now)
        }
    }

    // MARK: Frames

    /// The due times of the frames of a write.
    enum Due {
        case now(UInt64)
        case due(Schedule, first: UInt64, step: UInt64)

        @inline(__always)
        func time(of frame: Int) -> UInt64 {
            switch self {
            case .now(let time): time
            case .due(let schedule, let first, let step): schedule.time(of: first &+ UInt64(frame) &* step)
            }
        }
    }

    /// Sends one frame.
    func sendOne(_ due: Due) {
        self.outbound.clear()
        _ = self.put(1, due)
        self.flush()
    }

    /// Appends at most `count` frames to ``outbound``, as many as one write may have, and counts them as sent.
    func put(_ count: Int, _ due: Due) -> Int {
        let sent =
            switch self.loop.plan.protocol {
            case .ttms: self.put(count, due, TTMSWire.self)
            case .nats: self.put(count, due, NATSWire.self)
            case .mqtt: self.put(count, due, MQTTWire.self)
            }
        if self.loop.plan.slow.contains(self.index) {
            self.loop.measurements.counts.sentToSlow += sent
        } else {
            self.loop.measurements.counts.sent += sent
        }
        return sent
    }

    private func put<W: Wire>(_ count: Int, _ due: Due, _ wire: W.Type) -> Int {
        guard let target else { return 0 }
        let plan = self.loop.plan
        let source = UInt32(truncatingIfNeeded: self.index)
        var sent = 0
        while sent < count, self.outbound.readableBytes < Self.batch {
            let stamp = Stamp(intended: due.time(of: sent), run: plan.run, source: source, number: self.number)
            let payload = plan.payloads[Int(self.number &+ source) % plan.payloads.count]
            W.writeMessage(stamp, to: plan.ccid(of: self.destination(target)), payload: payload, into: &self.outbound)
            self.number &+= 1
            sent &+= 1
        }
        return sent
    }

    @inline(__always)
    private func destination(_ target: Target) -> Int {
        switch target {
        case .one(let index): index
        case .each(let first, let count, let step): first &+ Int(self.number) % count &* step
        case .any(let first, let count):
            first &+ Int(truncatingIfNeeded: self.loop.random.next() >> 33) % count
        }
    }
}
