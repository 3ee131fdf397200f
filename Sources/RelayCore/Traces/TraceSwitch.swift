import Synchronization
import TTMSProtocol

/// Operator's order to trace all messages for one terminal for a time, whether operators or terminals send them.
public struct TraceSwitch: Equatable, Sendable {
    /// Time at which it ends by itself.
    public var until: Timestamp
    /// Number of messages that it still traces before it ends. So one busy terminal does not displace all other traces.
    public var remaining: UInt32

    /// Makes a switch.
    public init(until: Timestamp, remaining: UInt32) {
        self.until = until
        self.remaining = remaining
    }
}

/// Terminals whose trace switch is on, readable from all threads.
///
/// Frames for them go through the store, which gives them the ids that traces need (``Mailbox/isWriteThrough``). For all other
/// frames one atomic load shows that no terminal is traced.
public final class TracedTerminals: Sendable {
    private let ccids = Mutex<Set<UInt32>>([])
    private let count = Atomic(0)

    /// Makes an empty set.
    public init() {}

    /// Whether no terminal is traced.
    public var isEmpty: Bool { self.count.load(ordering: .relaxed) == 0 }

    /// Whether the switch of `ccid` is on.
    public func contains(_ ccid: CCID) -> Bool {
        !self.isEmpty && self.ccids.withLock { $0.contains(ccid.rawValue) }
    }

    /// Records that the switch of `ccid` is on.
    package func insert(_ ccid: CCID) {
        self.ccids.withLock { ccids in
            ccids.insert(ccid.rawValue)
            self.count.store(ccids.count, ordering: .relaxed)
        }
    }

    /// Records that the switch of `ccid` is off.
    package func remove(_ ccid: CCID) {
        self.ccids.withLock { ccids in
            ccids.remove(ccid.rawValue)
            self.count.store(ccids.count, ordering: .relaxed)
        }
    }
}
