import RelayCore
import Synchronization
import TTMSProtocol

/// The terminals on all event loops to which frames go straight: their frames need no room in the store.
///
/// An event loop knows its own; it reads those of the others only while the store or a queue is full (``FullTerminals``). With one
/// event loop there is no such table.
final class LiveTerminals: Sendable {
    private let ccids = Mutex<Set<UInt32>>([])

    func contains(_ ccid: CCID) -> Bool {
        self.ccids.withLock { $0.contains(ccid.rawValue) }
    }

    func note(_ ccid: CCID, isLive: Bool) {
        self.ccids.withLock { ccids in
            if isLive { ccids.insert(ccid.rawValue) } else { ccids.remove(ccid.rawValue) }
        }
    }
}
