import NIOCore
import TTMSProtocol

/// One terminal's frames in a ``MemoryStore``: frames in flight, and behind them those queued.
struct MemoryQueue {
    /// The terminal's number in the ids of its frames.
    let slot: UInt32
    private(set) var nextSequence: UInt64 = 1
    private(set) var inFlight = CircularBuffer<StoredMessage>()
    private(set) var queued = CircularBuffer<StoredMessage>()
    private(set) var load = StoreLoad()
    /// When the newest frame was taken that has ever been here, or later.
    var lastAcceptedAt = Timestamp(microseconds: .min)

    init(slot: UInt32) {
        self.slot = slot
    }

    var isEmpty: Bool { self.load.frames == 0 }

    var oldest: StoredMessage? { self.inFlight.first ?? self.queued.first }

    /// `nil` when the sequences are used up.
    var nextID: MessageID? {
        self.nextSequence > MessageID.maximumSequence ? nil : MessageID(slot: self.slot, sequence: self.nextSequence)
    }

    mutating func append(_ message: StoredMessage) {
        self.queued.append(message)
        self.lastAcceptedAt = message.acceptedAt
        self.nextSequence += 1
        self.load.frames += 1
        self.load.bytes += message.frame.count
    }

    /// Puts the oldest queued frame in flight.
    mutating func takeNext() {
        guard let message = self.queued.popFirst() else { return }
        self.inFlight.append(message)
        self.load.inFlightFrames += 1
        self.load.inFlightBytes += message.frame.count
    }

    /// Puts the newest frame in flight back to the head of those queued.
    ///
    /// - Returns: the frame; `nil` when none is in flight.
    mutating func putBack() -> StoredMessage? {
        guard let message = self.inFlight.popLast() else { return nil }
        self.queued.prepend(message)
        self.load.inFlightFrames -= 1
        self.load.inFlightBytes -= message.frame.count
        return message
    }

    /// Takes out the oldest frame in flight, unless it lies behind `through`.
    mutating func removeOldestInFlight(through: MessageID) -> StoredMessage? {
        guard let message = self.inFlight.first, message.id.sequence <= through.sequence else { return nil }
        self.inFlight.removeFirst()
        self.load.inFlightFrames -= 1
        self.load.inFlightBytes -= message.frame.count
        self.load.frames -= 1
        self.load.bytes -= message.frame.count
        return message
    }

    /// Takes out the first queued frame that `predicate` names.
    mutating func removeQueued(where predicate: (StoredMessage) -> Bool) -> StoredMessage? {
        guard let index = self.queued.firstIndex(where: predicate) else { return nil }
        let message = self.queued.remove(at: index)
        self.load.frames -= 1
        self.load.bytes -= message.frame.count
        return message
    }
}
