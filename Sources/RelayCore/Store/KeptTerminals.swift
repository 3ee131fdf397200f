import Synchronization
import TTMSProtocol

/// Terminals with frames in a store, readable from all threads.
///
/// A terminal without stored frames can be live at once, without a wait for the store's thread; that is the usual case.
///
/// The store publishes each change when it is staged. So an event loop with the answers to all its submissions sees all its frames
/// here.
public final class KeptTerminals: Sendable {
    private let ccids = Mutex<Set<UInt32>>([])

    /// Makes an empty set.
    public init() {}

    /// Whether the store has a frame for `ccid`, by the work that its thread has carried out.
    public func contains(_ ccid: CCID) -> Bool {
        self.ccids.withLock { $0.contains(ccid.rawValue) }
    }

    /// CCIDs of all these terminals.
    public var all: Set<UInt32> { self.ccids.withLock { $0 } }

    /// Number of these terminals.
    package var count: Int { self.ccids.withLock { $0.count } }

    /// Records the first stored frame for `ccid`.
    package func insert(_ ccid: CCID) {
        self.ccids.withLock { _ = $0.insert(ccid.rawValue) }
    }

    /// Records that no frame for `ccid` is left.
    package func remove(_ ccid: CCID) {
        self.ccids.withLock { _ = $0.remove(ccid.rawValue) }
    }
}
