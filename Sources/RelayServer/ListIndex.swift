import RelayCore

/// The order of a list, gathered once for all its pages.
///
/// Terminals and connections live on event loops, which a walk over all of them takes some milliseconds of. So the pages that follow
/// a first one are cut from what was gathered for it, as long as that is not old: a client that reads 100,000 terminals page by
/// page has them walked over every few seconds, not a thousand times. A first page is always gathered anew, because who has just
/// changed something wants to see it. One gathering goes on at a time, whatever number of clients ask, so that memory is bounded,
/// and it is forgotten when it is too old to be used.
actor ListIndex<Query: Equatable & Sendable, Row: Sendable> {
    /// How long pages are cut from what was gathered.
    private static var lifetime: Duration { .seconds(5) }

    private var query: Query?
    private var rows: [Row] = []
    private var gatheredAt = ContinuousClock.now
    private var isGathering = false
    private var waiting: [CheckedContinuation<Void, Never>] = []
    /// Somebody waits to forget what is too old.
    private var isWatched = false

    /// The rows of a list in its order.
    ///
    /// - Parameters:
    ///   - query: names the list with its filters and order, without the page's place.
    ///   - isFirst: whether the list's first page is asked for.
    func rows(
        of query: Query,
        isFirst: Bool,
        gather: @escaping @Sendable () async throws -> [Row]
    ) async throws -> [Row] {
        if !isFirst, self.query == query { return self.rows }
        if self.isGathering { await withCheckedContinuation { self.waiting.append($0) } }
        self.isGathering = true
        defer { self.next() }
        let rows = try await gather()
        self.query = query
        self.rows = rows
        self.gatheredAt = .now
        if !self.isWatched {
            self.isWatched = true
            Task { await self.forgetInTime() }
        }
        return rows
    }

    /// Lets the one gather who has waited longest.
    private func next() {
        if self.waiting.isEmpty { self.isGathering = false } else { self.waiting.removeFirst().resume() }
    }

    /// One timer, however many first pages are asked for.
    private func forgetInTime() async {
        while case let rest = self.gatheredAt + Self.lifetime - .now, rest > .zero { try? await Task.sleep(for: rest) }
        self.query = nil
        self.rows = []
        self.isWatched = false
    }
}

extension Array {
    /// The elements of a page: those behind `after` in an array that is sorted by position, and where the next page begins.
    func page(
        after: ListPosition?,
        limit: Int,
        isDescending: Bool,
        position: (Element) -> ListPosition
    ) -> (elements: ArraySlice<Element>, next: ListPosition?) {
        var low = self.startIndex
        if let after {
            var high = self.endIndex
            while low < high {
                let middle = low + (high - low) / 2
                let here = position(self[middle])
                if isDescending ? here >= after : here <= after { low = middle + 1 } else { high = middle }
            }
        }
        let end = Swift.min(low + limit, self.endIndex)
        let elements = self[low..<Swift.max(low, end)]
        return (elements, end < self.endIndex ? elements.last.map(position) : nil)
    }
}
