import TTMSProtocol

/// Which terminals a connection has sent to since its last receipt.
///
/// Most senders have one destination or few; beyond that it is enough to know that they are many.
struct RecentDestinations {
    /// More are `many`: a receipt then waits for everything that is under way, which costs milliseconds, not correctness; but while
    /// the disk fails it waits for others' frames, too. To know more would cost every frame of such a sender a look into a table.
    private static let limit = 8

    private(set) var ccids: [CCID] = []
    private(set) var areMany = false
    /// Frames went to terminals of other shards.
    var areElsewhere = false
    /// The latest submission that frames went into straight away; 0 when none did.
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
