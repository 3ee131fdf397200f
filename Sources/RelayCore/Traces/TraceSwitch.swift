import Synchronization
import TTMSProtocol

/// Has all messages for one terminal traced, those of other terminals included, for some time.
public struct TraceSwitch: Equatable, Sendable {
    /// When it goes off by itself.
    public var until: Timestamp
    /// Messages that it still traces: then it goes off, so that one busy terminal does not push all other traces out.
    public var remaining: UInt32

    /// Makes a switch.
    public init(until: Timestamp, remaining: UInt32) {
        self.until = until
        self.remaining = remaining
    }
}

/// The terminals whose switch is on, known to all threads.
///
/// Frames for them go through the store, where they get the id that a trace needs (``Mailbox/writesThrough``). Everybody else is
/// told by one atomic load that there are none, so the way of all other frames stays as it is.
public final class TracedTerminals: Sendable {
    private let ccids = Mutex<Set<UInt32>>([])
    private let count = Atomic(0)

    /// Knows of none.
    public init() {}

    /// Whether no terminal at all is traced.
    public var isEmpty: Bool { self.count.load(ordering: .relaxed) == 0 }

    /// Whether the switch of `ccid` is on.
    public func contains(_ ccid: CCID) -> Bool {
        !self.isEmpty && self.ccids.withLock { $0.contains(ccid.rawValue) }
    }

    /// The switch of `ccid` went on.
    package func insert(_ ccid: CCID) {
        self.ccids.withLock { ccids in
            ccids.insert(ccid.rawValue)
            self.count.store(ccids.count, ordering: .relaxed)
        }
    }

    /// The switch of `ccid` went off.
    package func remove(_ ccid: CCID) {
        self.ccids.withLock { ccids in
            ccids.remove(ccid.rawValue)
            self.count.store(ccids.count, ordering: .relaxed)
        }
    }
}
