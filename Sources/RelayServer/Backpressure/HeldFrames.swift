import NIOCore
import TTMSProtocol

/// The frames of one event loop that are held in memory until the store has answered for their terminals: their times and their
/// size.
///
/// Senders on all event loops are held back by the sum of all loops, so each publishes its part.
final class HeldFrames {
    /// The time at which a terminal's first held frame came.
    private var since: [CCID: NIODeadline] = [:]
    /// Memory of the held frames, in bytes.
    private(set) var bytes = 0
    private var published = 0
    private var sum: WaitingBytes

    /// - Parameter sum: the sum of all event loops.
    init(sum: WaitingBytes) { self.sum = sum }

    var terminals: Dictionary<CCID, NIODeadline>.Keys { self.since.keys }
    var count: Int { self.since.count }

    /// Records that frames for `ccid` are held from `time` on.
    func began(_ ccid: CCID, at time: NIODeadline) {
        assert(self.since[ccid] == nil, "A terminal's frames are held once.")
        self.since[ccid] = time
    }

    /// Records that frames for `ccid` are no longer held.
    ///
    /// - Returns: the time since which they were held.
    func ended(_ ccid: CCID) -> NIODeadline? { self.since.removeValue(forKey: ccid) }

    /// Whether all held frames came after `time`.
    func areAllNewer(than time: NIODeadline) -> Bool { self.since.values.allSatisfy { $0 > time } }

    /// Counts `change` more bytes of held frames.
    func count(_ change: Int) {
        self.bytes += change
        assert(self.bytes >= 0, "Only held frames are released.")
    }

    // MARK: The sum

    /// Publishes that this event loop has `bytes` in memory, instead of the number published before.
    func publish(_ bytes: Int) {
        let change = bytes - self.published
        guard change != 0 else { return }
        self.published = bytes
        self.sum.add(change)
    }

    /// Bytes in memory on all event loops, of which this one has `bytes`.
    func total(with bytes: Int) -> Int { self.sum.total + bytes - self.published }

    /// Publishes to `sum` from now on. Called once, before any frame is held.
    func share(_ sum: WaitingBytes) {
        assert(self.published == 0)
        self.sum = sum
    }
}
