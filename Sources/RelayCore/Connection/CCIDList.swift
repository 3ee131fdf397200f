import TTMSProtocol

/// CCIDs without order. A few are compared one by one; many have an index, so that a concentrator with thousands costs no more per step.
struct CCIDList: Sendable {
    /// CCIDs that are found as fast without an index.
    private static let unindexed = 16

    private(set) var all: [CCID] = []
    /// Where each CCID stands in `all`; empty while there are few.
    private var places: [CCID: Int] = [:]

    var isEmpty: Bool { self.all.isEmpty }

    var count: Int { self.all.count }

    func contains(_ ccid: CCID) -> Bool { self.place(of: ccid) != nil }

    private func place(of ccid: CCID) -> Int? {
        self.places.isEmpty ? self.all.firstIndex(of: ccid) : self.places[ccid]
    }

    /// Adds a CCID that is not there.
    mutating func append(_ ccid: CCID) {
        self.all.append(ccid)
        if !self.places.isEmpty {
            self.places[ccid] = self.all.count - 1
        } else if self.all.count > Self.unindexed {
            for (place, ccid) in self.all.enumerated() { self.places[ccid] = place }
        }
    }

    /// Removes a CCID if it is there; the last one takes its place.
    mutating func remove(_ ccid: CCID) {
        guard let place = self.place(of: ccid), let last = self.all.popLast() else { return }
        self.places[ccid] = nil
        guard last != ccid else { return }
        self.all[place] = last
        if !self.places.isEmpty { self.places[last] = place }
    }

    mutating func popLast() -> CCID? {
        guard let last = self.all.popLast() else { return nil }
        self.places[last] = nil
        return last
    }
}
