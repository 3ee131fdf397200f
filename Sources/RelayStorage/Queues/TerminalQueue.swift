import DequeModule
import RelayCore
import TTMSProtocol

/// One terminal's queue, without its frames: what has to be known of it at any time without reading.
///
/// Sequences below ``head`` are gone, those from ``cursor`` on are queued, those between are in flight or gone. 100,000 terminals
/// have to fit into a few megabytes, so nothing is kept per queued frame.
struct TerminalQueue {
    /// A frame in flight.
    struct InFlightFrame {
        let sequence: UInt64
        let acceptedAt: Int64
        let size: Int
    }

    /// `nil` in a slot that has no terminal.
    var ccid: CCID?
    /// The first queued frame, or where it would be.
    var cursor: UInt64 = 1
    /// The sequence of the next frame. Survives the terminal when the slot changes hands.
    var next: UInt64 = 1
    var frames = 0
    var bytes = 0
    var inFlight = Deque<InFlightFrame>()
    var inFlightBytes = 0
    /// When the oldest queued frame was taken, µs, or a time before that.
    var oldestQueuedAt: Int64 = 0
    /// When the newest frame was taken that has ever been here, µs, or later.
    var lastAcceptedAt = Int64.min
    /// Whether ``oldestQueuedAt`` is that time exactly.
    var isOldestExact = false
    /// The time to live of the frames kept, unless they differ.
    var timeToLive: UInt32 = 0
    /// The frames kept have had different times to live, so that they do not expire in order.
    var isMixed = false
    /// The first and the last piece in ``Staging``.
    var staged: Staging.Chain?
    /// It has changed since the last commit.
    var isChanged = false
    /// It has changed since the last checkpoint.
    var isUnrecorded = false

    /// The oldest frame kept, or where it would be. This is what a restart finds.
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

    /// When to look for expired frames once those in flight are queued again, µs; `.max` for never.
    var earliestExpiryInFlight: Int64 {
        guard let first = self.inFlight.first else { return .max }
        if self.isMixed { return .min }
        return Timestamp(microseconds: first.acceptedAt).expiry(timeToLive: self.timeToLive)?.microseconds ?? .max
    }

    /// Moves the cursor to `sequence`.
    ///
    /// - Parameter acceptedAt: when the frame there was taken; `nil` when that is not known: after `lastAcceptedAt` then.
    mutating func advance(to sequence: UInt64, acceptedAt: Int64?, lastAcceptedAt: Int64) {
        self.cursor = sequence
        self.isOldestExact = acceptedAt != nil
        self.oldestQueuedAt = acceptedAt ?? lastAcceptedAt
    }
}
