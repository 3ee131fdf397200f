import Synchronization
import TTMSProtocol

/// The terminals for which a store keeps frames, known to all threads.
///
/// A terminal that registers need not wait for the store's thread when nothing is kept for it, which is nearly always. The store
/// tells of each change when it is staged, so an event loop that has the answers to all its submissions sees all its frames here.
public final class KeptTerminals: Sendable {
    private let ccids = Mutex<Set<UInt32>>([])

    /// Knows of none.
    public init() {}

    /// Whether the store keeps a frame for `ccid`, as far as its thread has come.
    public func contains(_ ccid: CCID) -> Bool {
        self.ccids.withLock { $0.contains(ccid.rawValue) }
    }

    /// All of them.
    public var all: Set<UInt32> { self.ccids.withLock { $0 } }

    /// The store keeps a first frame for `ccid`.
    package func insert(_ ccid: CCID) {
        self.ccids.withLock { _ = $0.insert(ccid.rawValue) }
    }

    /// The store keeps nothing for `ccid` any more.
    package func remove(_ ccid: CCID) {
        self.ccids.withLock { _ = $0.remove(ccid.rawValue) }
    }
}
