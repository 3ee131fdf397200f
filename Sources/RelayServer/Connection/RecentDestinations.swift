import TTMSProtocol

/// The terminals that a connection has sent to since its last receipt.
///
/// Most senders have one destination or few. Above the limit only their being many is recorded.
struct RecentDestinations {
    /// The most destinations recorded; more are `many`. A receipt then waits for all frames in flight, which costs milliseconds,
    /// not correctness; but while the disk fails it also waits for others' frames. Recording more would cost every frame of such a
    /// sender a table lookup.
    private static let limit = 8

    private(set) var ccids: [CCID] = []
    private(set) var areMany = false
    /// Whether frames were handed to other shards.
    var includeOtherShards = false
    /// The latest submission that its frames were added to directly; 0 when there was none.
    var storedIn: UInt64 = 0
    private var last: CCID?

    /// Whether nothing has been sent.
    var isEmpty: Bool { self.last == nil }

    @inline(__always)
    mutating func note(_ ccid: CCID) {
        if self.last != ccid { self.noteAnother(ccid) }
    }

    private mutating func noteAnother(_ ccid: CCID) {
        self.last = ccid
        guard !self.areMany, !self.ccids.contains(ccid) else { return }
        if self.ccids.count < Self.limit { self.ccids.append(ccid) } else { self.areMany = true }
    }
}
