import RelayCore
import Synchronization
import TTMSProtocol

/// The terminals to which frames go straight, on all event loops: theirs need no room in the store.
///
/// An event loop knows its own; it asks for those of the others only while something is full (``FullTerminals``). With one event
/// loop there is none.
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
