import NIOCore
import TTMSProtocol

/// The frames of one event loop that are held in memory until the store has answered for their terminals: since when, and how much.
///
/// Senders on all event loops are held back by the sum of all of them, so each publishes its part.
final class HeldFrames {
    /// When a terminal's first held frame came.
    private var since: [CCID: NIODeadline] = [:]
    /// Memory of the held frames, in bytes.
    private(set) var bytes = 0
    private var published = 0
    private var sum: WaitingBytes

    /// - Parameter sum: what all event loops have published.
    init(sum: WaitingBytes) { self.sum = sum }

    var terminals: Dictionary<CCID, NIODeadline>.Keys { self.since.keys }
    var count: Int { self.since.count }

    /// Frames begin to be held for `ccid`.
    func began(_ ccid: CCID, at time: NIODeadline) {
        assert(self.since[ccid] == nil, "A terminal's frames are held once.")
        self.since[ccid] = time
    }

    /// No frames are held for `ccid` any more.
    ///
    /// - Returns: since when they were.
    func ended(_ ccid: CCID) -> NIODeadline? { self.since.removeValue(forKey: ccid) }

    /// Whether all held frames came after `time`.
    func areAllNewer(than time: NIODeadline) -> Bool { self.since.values.allSatisfy { $0 > time } }

    /// The held frames take `change` bytes more.
    func count(_ change: Int) {
        self.bytes += change
        assert(self.bytes >= 0, "Only held frames are released.")
    }

    // MARK: The sum

    /// Publishes that this event loop has `bytes` in memory, and no more what it published before.
    func publish(_ bytes: Int) {
        let change = bytes - self.published
        guard change != 0 else { return }
        self.published = bytes
        self.sum.add(change)
    }

    /// Bytes in memory on all event loops, of which this one has `bytes`.
    func total(with bytes: Int) -> Int { self.sum.total + bytes - self.published }

    /// Publishes to `sum` from here on. Called once, before anything is held.
    func share(_ sum: WaitingBytes) {
        assert(self.published == 0)
        self.sum = sum
    }
}
