/// Load of a queue, or of the whole store: the numbers that caps limit.
package struct StoreLoad: Equatable {
    /// Stored frames, those in flight included.
    package var frames: Int
    /// Bytes of these frames.
    package var bytes: Int
    /// Frames in flight, which cannot be evicted.
    package var inFlightFrames: Int
    /// Bytes of the frames in flight.
    package var inFlightBytes: Int

    /// Makes a load; the default is the empty one.
    package init(frames: Int = 0, bytes: Int = 0, inFlightFrames: Int = 0, inFlightBytes: Int = 0) {
        self.frames = frames
        self.bytes = bytes
        self.inFlightFrames = inFlightFrames
        self.inFlightBytes = inFlightBytes
    }
}

/// Decision of the caps on one more frame.
package enum StoreAdmission: Equatable {
    /// There is room.
    case admitted
    /// The oldest queued frame of its terminal, which exists, has to be evicted first.
    case evictOfTerminal
    /// The oldest queued frame of all terminals, which exists, has to be evicted first.
    case evictOfAll
    /// The frame is rejected because of this cap.
    case rejected(StoreLimits.Cap)
}

extension StoreLimits {
    /// Decides on a frame of `size` bytes. Called again after each eviction, until it admits or rejects.
    ///
    /// A frame that would not fit even after the eviction of everything queued is rejected before any eviction.
    package func admission(size: Int, terminal: StoreLoad, all: StoreLoad) -> StoreAdmission {
        assert(terminal.inFlightFrames <= terminal.frames && terminal.inFlightBytes <= terminal.bytes)
        assert(all.inFlightFrames <= all.frames && all.inFlightBytes <= all.bytes)
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

/// Clock of a store's acceptance times. They rise within each queue, and over all queues except for old frames.
///
/// Frames of one tick have the same time, so each gets a microsecond more than the one before. A frame read long before its append
/// keeps its time, so that its time to live does not restart. Such a frame was held, or its connection broke.
package struct AcceptanceClock: Equatable {
    /// Latest time given.
    package private(set) var last: Timestamp

    /// Makes a clock whose times are later than `last`.
    package init(last: Timestamp = Timestamp(microseconds: .min)) {
        self.last = last
    }

    /// Difference to the last time, in µs, above which a frame is old. A frame takes less from socket to store, and times to live
    /// are much longer.
    private static let oldAge: Int64 = 100_000

    /// Returns `proposed`, or the microsecond after the last time if that is later and `proposed` is not old.
    ///
    /// - Parameter previous: time of the preceding frame of the same queue; the result is always later.
    package mutating func next(_ proposed: Timestamp, after previous: Timestamp) -> Timestamp {
        let isOld = self.last.microseconds.subtractingReportingOverflow(proposed.microseconds).partialValue > Self.oldAge
        let earliest = isOld ? previous : max(previous, self.last)
        let after = earliest.microseconds == .max ? .max : earliest.microseconds + 1
        let time = max(proposed, Timestamp(microseconds: after))
        assert(time > previous || previous.microseconds == .max, "acceptance times of one queue rise")
        self.last = max(self.last, time)
        return time
    }
}

extension Timestamp {
    /// Returns the end of the time to live of a frame accepted at this time; `nil` when `timeToLive`, in seconds, is 0.
    package func expiry(timeToLive: UInt32) -> Timestamp? {
        timeToLive == 0 ? nil : self.advanced(bySeconds: Int64(timeToLive))
    }
}
