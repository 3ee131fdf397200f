import RelayCore
import Synchronization

/// The order of a list, gathered once for all its pages.
///
/// Gathering walks over the terminals or connections of all event loops, which takes milliseconds. The pages after a first one are
/// cut from its result while that is recent. A client that reads 100,000 terminals page by page thus causes a walk every few
/// seconds, not a thousand. A first page is always gathered again, because a client that has just changed something expects to see
/// it. One gathering runs at a time, whatever the number of clients, so that memory is bounded. Its result is dropped when it is
/// too old.
final class ListIndex<Query: Equatable & Sendable, Row: Sendable>: Sendable {
    private struct State {
        var query: Query?
        var rows: [Row] = []
        var gatheredAt = ContinuousClock.now
        /// Whether a task waits to drop an old result.
        var isWatched = false
    }

    /// The time for which pages are cut from a result.
    private static var lifetime: Duration { .seconds(5) }

    /// A mutex, not an actor: an actor would cost a wake-up of another thread per page.
    private let state = Mutex(State())
    /// One gathering runs at a time.
    private let gathering = FIFOLock<SingleKey>()

    /// The rows of a list in its order.
    ///
    /// - Parameters:
    ///  - query: the list with its filters and order, without the page's position.
    ///   - isFirst: whether the list's first page is requested.
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

    /// Drops the result when it is too old. One timer serves any number of first pages.
    private func forgetInTime() async {
        while let rest = self.forgetOrWait() { try? await Task.sleep(for: rest) }
    }

    /// Drops the result if it is too old.
    ///
    /// - Returns: the time for which it may still be used; `nil` when it was dropped.
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
    /// The elements of a page: those after `after` in an array that is sorted by position, and the position at which the next page
    /// begins.
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
