import NIOCore
import RelayCore
import TTMSProtocol
import Testing

@testable import RelayServer

@Suite struct ListTests {
    /// Pages cut from a list hold every element once, in order, for every page size and place.
    @Test(arguments: [false, true]) func pagesHoldEveryElementOnce(isDescending: Bool) {
        let ascending = (0..<50).map { ListPosition(key: Int64($0 / 7) - 3, id: UInt64($0)) }
        let list = isDescending ? ascending.reversed() : ascending
        for limit in [1, 7, 49, 50, 1_000] {
            var found: [ListPosition] = []
            var after: ListPosition?
            repeat {
                let (page, next) = list.page(after: after, limit: limit, isDescending: isDescending, position: \.self)
                #expect(page.count <= limit)
                found += page
                after = next
            } while after != nil && found.count <= list.count
            #expect(found == list)
        }
    }

    @Test func aPlaceStaysOneWhenItsElementHasGone() {
        let list = [1, 2, 4, 8].map { ListPosition(key: $0, id: 1) }
        let (page, next) = list.page(after: ListPosition(key: 3, id: 9), limit: 1, isDescending: false, position: \.self)
        #expect(Array(page) == [ListPosition(key: 4, id: 1)])
        #expect(next == ListPosition(key: 4, id: 1))
        let (none, end) = list.page(after: ListPosition(key: 9, id: 0), limit: 1, isDescending: false, position: \.self)
        #expect(none.isEmpty && end == nil)
    }

    @Test func laterPagesAreCutFromWhatTheFirstGathered() async throws {
        let index = ListIndex<TerminalQuery, Int>()
        let query = TerminalQuery()
        #expect(try await index.rows(of: query, isFirst: true) { [1] } == [1])
        #expect(try await index.rows(of: query, isFirst: false) { [2] } == [1])
        #expect(try await index.rows(of: TerminalQuery(prefix: "a"), isFirst: false) { [3] } == [3])
        #expect(try await index.rows(of: query, isFirst: false) { [4] } == [4])
        #expect(try await index.rows(of: query, isFirst: true) { [5] } == [5])
    }

    @Test func strangersDoNotWashTerminalsAway() {
        let closed = ClosedConnections(shards: 10)
        func connection(_ id: UInt64, _ ccids: [CCID]) -> ClosedConnection {
            let time = Timestamp(microseconds: 0)
            return ClosedConnection(
                id: id,
                remoteAddress: PeerAddress(nil),
                listener: PeerAddress(nil),
                openedAt: time,
                lastReceivedAt: time,
                closedAt: time,
                reason: .peerClosed,
                ccids: ccids,
                ccidCount: ccids.count,
                counters: ConnectionCounters()
            )
        }
        for id in 0..<1_500 { closed.append(connection(UInt64(id), [CCID(rawValue: 1)])) }
        for id in 2_000..<9_000 { closed.append(connection(UInt64(id), [])) }
        let ids = closed.all.map(\.id)
        #expect(Set(ids) == Set(500..<1_500).union(8_900..<9_000))
        #expect(ids.count == 1_100)
    }
}
