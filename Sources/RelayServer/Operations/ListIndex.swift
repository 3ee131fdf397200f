import RelayCore
import Synchronization

/// The order of a list, gathered once for all its pages.
///
/// Terminals and connections live on event loops, which a walk over all of them takes some milliseconds of. So the pages that follow
/// a first one are cut from what was gathered for it, as long as that is not old: a client that reads 100,000 terminals page by
/// page has them walked over every few seconds, not a thousand times. A first page is always gathered anew, because who has just
/// changed something wants to see it. One gathering goes on at a time, whatever number of clients ask, so that memory is bounded,
/// and it is forgotten when it is too old to be used.
final class ListIndex<Query: Equatable & Sendable, Row: Sendable>: Sendable {
    private struct State {
        var query: Query?
        var rows: [Row] = []
        var gatheredAt = ContinuousClock.now
        /// Somebody waits to forget what is too old.
        var isWatched = false
    }

    /// How long pages are cut from what was gathered.
    private static var lifetime: Duration { .seconds(5) }

    /// Locked, and no actor: an actor would take a wake-up of another thread for each page.
    private let state = Mutex(State())
    /// One gathering runs at a time.
    private let gathering = FIFOLock<SingleKey>()

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
        if !isFirst, let rows = self.state.withLock({ $0.query == query ? $0.rows : nil }) { return rows }
        await self.gathering.acquire()
        defer { self.gathering.release() }
        let rows = try await gather()
        let isWatched = self.state.withLock { state in
            state.query = query
            state.rows = rows
            state.gatheredAt = .now
            defer { state.isWatched = true }
            return state.isWatched
        }
        if !isWatched { Task { await self.forgetInTime() } }
        return rows
    }

    /// One timer, however many first pages are asked for.
    private func forgetInTime() async {
        while let rest = self.forgetOrWait() { try? await Task.sleep(for: rest) }
    }

    /// - Returns: `nil` when it has forgotten what was gathered, otherwise for how long that may still be used.
    private func forgetOrWait() -> Duration? {
        self.state.withLock { state in
            let rest = state.gatheredAt + Self.lifetime - .now
            guard rest <= .zero else { return rest }
            state.query = nil
            state.rows = []
            state.isWatched = false
            return nil
        }
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
