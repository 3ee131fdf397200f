import DequeModule
import RelayCore
import TTMSProtocol

/// One terminal's queue, without its frames: the state that must be known without reading.
///
/// Sequences below ``head`` have ended, those from ``cursor`` on are queued, those between are in flight or have ended. The
/// queues of 100,000 terminals take a few megabytes, so nothing is stored per queued frame.
struct TerminalQueue {
    /// A frame in flight.
    struct InFlightFrame {
        let sequence: UInt64
        let acceptedAt: Int64
        let size: Int
    }

    /// The terminal; `nil` in a slot without one.
    var ccid: CCID?
    /// The sequence of the first queued frame, or of the next one.
    var cursor: UInt64 = 1
    /// The sequence of the next frame. It continues when the slot passes to another terminal.
    var next: UInt64 = 1
    var frames = 0
    var bytes = 0
    var inFlight = Deque<InFlightFrame>()
    var inFlightBytes = 0
    /// The time at which the oldest queued frame was accepted, µs, or an earlier time.
    var oldestQueuedAt: Int64 = 0
    /// The time at which the newest frame of this slot was accepted, µs, or a later time.
    var lastAcceptedAt = Int64.min
    /// Whether ``oldestQueuedAt`` is exact.
    var isOldestExact = false
    /// The time to live of the frames, unless they differ.
    var timeToLive: UInt32 = 0
    /// Whether the frames have had different times to live, so that they do not expire in order.
    var isMixed = false
    /// The first and the last piece in ``Staging``.
    var staged: Staging.Chain?
    /// Whether it has changed since the last commit.
    var isChanged = false
    /// Whether it has changed since the last checkpoint.
    var isUnrecorded = false

    /// The sequence of the oldest frame, or of the next one. A restart begins here.
    @inline(__always)
    var head: UInt64 { self.inFlight.first?.sequence ?? self.cursor }

    var queuedFrames: Int { self.frames - self.inFlight.count }

    var load: StoreLoad {
        StoreLoad(
            frames: self.frames,
            bytes: self.bytes,
            inFlightFrames: self.inFlight.count,
            inFlightBytes: self.inFlightBytes
        )
    }

    /// The earliest expiry once the frames in flight are requeued, µs; `.max` for never.
    var earliestExpiryInFlight: Int64 {
        guard let first = self.inFlight.first else { return .max }
        if self.isMixed { return .min }
        return Timestamp(microseconds: first.acceptedAt).expiry(timeToLive: self.timeToLive)?.microseconds ?? .max
    }

    /// Moves the cursor to `sequence`.
    ///
    /// - Parameter acceptedAt: the time at which the frame there was accepted; `nil` when that is not known: it is after
    ///   `lastAcceptedAt` then.
    mutating func advance(to sequence: UInt64, acceptedAt: Int64?, lastAcceptedAt: Int64) {
        self.cursor = sequence
        self.isOldestExact = acceptedAt != nil
        self.oldestQueuedAt = acceptedAt ?? lastAcceptedAt
    }
}
