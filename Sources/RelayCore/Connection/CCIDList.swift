import TTMSProtocol

/// Unordered set of CCIDs. A few are compared one by one; many have an index, so that the cost per operation stays constant.
struct CCIDList: Sendable {
    /// Largest number of CCIDs that are searched without an index.
    private static let unindexed = 16

    private(set) var all: [CCID] = []
    /// Index of each CCID in `all`; empty while there are few.
    private var places: [CCID: Int] = [:]

    var isEmpty: Bool { self.all.isEmpty }

    var count: Int { self.all.count }

    func contains(_ ccid: CCID) -> Bool { self.place(of: ccid) != nil }

    private func place(of ccid: CCID) -> Int? {
        self.places.isEmpty ? self.all.firstIndex(of: ccid) : self.places[ccid]
    }

    /// Adds a CCID that is not in the list.
    mutating func append(_ ccid: CCID) {
        assert(!self.contains(ccid), "a CCID that is in the list already")
        self.all.append(ccid)
        if !self.places.isEmpty {
            self.places[ccid] = self.all.count - 1
        } else if self.all.count > Self.unindexed {
            for (place, ccid) in self.all.enumerated() { self.places[ccid] = place }
        }
        assert(self.places.isEmpty || self.places.count == self.all.count, "an index that lacks a CCID")
    }

    /// Removes a CCID if it is in the list; the last one takes its place.
    mutating func remove(_ ccid: CCID) {
        guard let place = self.place(of: ccid), let last = self.all.popLast() else { return }
        self.places[ccid] = nil
        guard last != ccid else { return }
        self.all[place] = last
        if !self.places.isEmpty { self.places[last] = place }
        assert(self.places.isEmpty || self.places.count == self.all.count, "an index that lacks a CCID")
    }

    mutating func popLast() -> CCID? {
        guard let last = self.all.popLast() else { return nil }
        self.places[last] = nil
        return last
    }
}
