/// What a queue, or a whole store, holds: the numbers that caps are about.
package struct StoreLoad: Equatable {
    /// Frames kept, those in flight included.
    package var frames: Int
    /// Their bytes.
    package var bytes: Int
    /// Frames in flight: eviction cannot touch them.
    package var inFlightFrames: Int
    /// Their bytes.
    package var inFlightBytes: Int

    /// Makes a load; the default is the empty one.
    package init(frames: Int = 0, bytes: Int = 0, inFlightFrames: Int = 0, inFlightBytes: Int = 0) {
        self.frames = frames
        self.bytes = bytes
        self.inFlightFrames = inFlightFrames
        self.inFlightBytes = inFlightBytes
    }
}

/// What the caps say of one more frame.
package enum StoreAdmission: Equatable {
    /// There is room.
    case admitted
    /// The oldest queued frame of its terminal has to go first; there is one.
    case evictOfTerminal
    /// The oldest queued frame of all terminals has to go first; there is one.
    case evictOfAll
    /// It is not kept.
    case rejected(StoreLimits.Cap)
}

extension StoreLimits {
    /// Decides on a frame of `size` bytes. Asked again after each eviction, until it admits or rejects.
    ///
    /// A frame for which even the eviction of everything queued would make no room is rejected before anything is evicted.
    package func admission(size: Int, terminal: StoreLoad, all: StoreLoad) -> StoreAdmission {
        let terminalCap = self.terminalCap(frames: terminal.frames, bytes: terminal.bytes, size: size)
        guard let cap = terminalCap ?? self.totalCap(frames: all.frames, bytes: all.bytes, size: size) else {
            return .admitted
        }
        guard self.policy == .dropOldest else { return .rejected(cap) }
        if let cap = self.terminalCap(frames: terminal.inFlightFrames, bytes: terminal.inFlightBytes, size: size)
            ?? self.totalCap(frames: all.inFlightFrames, bytes: all.inFlightBytes, size: size)
        {
            return .rejected(cap)
        }
        return terminalCap == nil ? .evictOfAll : .evictOfTerminal
    }

    private func terminalCap(frames: Int, bytes: Int, size: Int) -> Cap? {
        if frames >= self.terminalFrames { return .terminalFrames }
        return bytes > self.terminalBytes - size ? .terminalBytes : nil
    }

    private func totalCap(frames: Int, bytes: Int, size: Int) -> Cap? {
        if frames >= self.totalFrames { return .totalFrames }
        return bytes > self.totalBytes - size ? .totalBytes : nil
    }
}

/// The times at which a store takes frames: rising within each queue, and over all queues but for frames that are old already.
///
/// Frames of one tick come with the same time, and are told apart by a microsecond each. A frame that was read long before it came to
/// the store (its connection broke, or it was held) keeps its own time, so that its time to live does not begin anew.
package struct AcceptanceClock: Equatable {
    /// The latest time given.
    package private(set) var last: Timestamp

    /// Makes a clock whose times lie behind `last`.
    package init(last: Timestamp = Timestamp(microseconds: .min)) {
        self.last = last
    }

    /// How much earlier than the last a frame is to be old, in microseconds: more than it takes from a socket to the store, little
    /// beside the seconds in which times to live are counted.
    private static let oldAge: Int64 = 100_000

    /// `proposed`, or, unless that is old, the microsecond after the last time where that is later.
    ///
    /// - Parameter previous: the time of the frame before it in its queue, which it comes after at any rate.
    package mutating func next(_ proposed: Timestamp, after previous: Timestamp) -> Timestamp {
        let isOld = self.last.microseconds.subtractingReportingOverflow(proposed.microseconds).partialValue > Self.oldAge
        let earliest = isOld ? previous : max(previous, self.last)
        let after = earliest.microseconds == .max ? .max : earliest.microseconds + 1
        let time = max(proposed, Timestamp(microseconds: after))
        self.last = max(self.last, time)
        return time
    }
}

extension Timestamp {
    /// When a frame taken at this time is over; `nil` when `timeToLive`, in seconds, is 0: it is kept for ever.
    package func expiry(timeToLive: UInt32) -> Timestamp? {
        timeToLive == 0 ? nil : self.advanced(bySeconds: Int64(timeToLive))
    }
}
