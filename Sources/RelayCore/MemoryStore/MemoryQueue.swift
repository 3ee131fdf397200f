import NIOCore
import TTMSProtocol

/// One terminal's queue in a ``MemoryStore``: frames in flight, then queued frames.
struct MemoryQueue {
    /// Number of the terminal in the ids of its frames.
    let slot: UInt32
    private(set) var nextSequence: UInt64 = 1
    private(set) var inFlight = CircularBuffer<StoredMessage>()
    private(set) var queued = CircularBuffer<StoredMessage>()
    private(set) var load = StoreLoad()
    /// Time of acceptance of the newest frame ever appended, or a later one.
    var lastAcceptedAt = Timestamp(microseconds: .min)

    init(slot: UInt32) {
        self.slot = slot
    }

    var isEmpty: Bool { self.load.frames == 0 }

    var oldest: StoredMessage? { self.inFlight.first ?? self.queued.first }

    /// Id of the next frame; `nil` when all sequences have been given.
    var nextID: MessageID? {
        self.nextSequence > MessageID.maximumSequence ? nil : MessageID(slot: self.slot, sequence: self.nextSequence)
    }

    mutating func append(_ message: StoredMessage) {
        assert(message.id.sequence == self.nextSequence, "sequences rise by one")
        defer { self.checkInvariants() }
        self.queued.append(message)
        self.lastAcceptedAt = message.acceptedAt
        self.nextSequence += 1
        self.load.frames += 1
        self.load.bytes += message.frame.count
    }

    /// Puts the oldest queued frame in flight.
    mutating func takeNext() {
        guard let message = self.queued.popFirst() else { return }
        defer { self.checkInvariants() }
        self.inFlight.append(message)
        self.load.inFlightFrames += 1
        self.load.inFlightBytes += message.frame.count
    }

    /// Puts the newest frame in flight back to the head of those queued.
    ///
    /// - Returns: the frame; `nil` when none is in flight.
    mutating func putBack() -> StoredMessage? {
        guard let message = self.inFlight.popLast() else { return nil }
        defer { self.checkInvariants() }
        self.queued.prepend(message)
        self.load.inFlightFrames -= 1
        self.load.inFlightBytes -= message.frame.count
        return message
    }

    /// Removes and returns the oldest frame in flight, unless it comes after `through`.
    mutating func removeOldestInFlight(through: MessageID) -> StoredMessage? {
        guard let message = self.inFlight.first, message.id.sequence <= through.sequence else { return nil }
        defer { self.checkInvariants() }
        self.inFlight.removeFirst()
        self.load.inFlightFrames -= 1
        self.load.inFlightBytes -= message.frame.count
        self.load.frames -= 1
        self.load.bytes -= message.frame.count
        return message
    }

    /// Removes and returns the first queued frame for which `predicate` holds.
    mutating func removeQueued(where predicate: (StoredMessage) -> Bool) -> StoredMessage? {
        guard let index = self.queued.firstIndex(where: predicate) else { return nil }
        defer { self.checkInvariants() }
        let message = self.queued.remove(at: index)
        self.load.frames -= 1
        self.load.bytes -= message.frame.count
        return message
    }

    private func checkInvariants() {
        assert(self.load.inFlightFrames == self.inFlight.count)
        assert(self.load.frames == self.inFlight.count + self.queued.count)
        assert(self.load.bytes >= self.load.inFlightBytes && self.load.inFlightBytes >= 0)
        if let last = self.inFlight.last, let first = self.queued.first {
            assert(last.id.sequence < first.id.sequence, "frames in flight come before queued ones")
        }
    }
}
