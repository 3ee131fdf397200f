import NIOCore
import RelayCore
import TTMSProtocol

// Connections as operators see them.
extension RelayServer {
    /// See ``RelayOperations/connections(_:)``.
    public func connections(_ query: ConnectionQuery) async throws -> ListPage<ConnectionSnapshot> {
        var list = query
        list.after = nil
        list.limit = 0
        let rows = try await self.connectionIndex.rows(of: list, isFirst: query.after == nil) { [list] in
            await self.connectionRows(list)
        }
        let (page, next) = rows.page(
            after: query.after,
            limit: query.limit,
            isDescending: query.isDescending,
            position: \.position
        )
        return ListPage(items: await self.snapshots(of: page, query), next: next)
    }

    private func connectionRows(_ query: ConnectionQuery) async -> [ConnectionRow] {
        var rows: [UInt64: ConnectionRow] = [:]
        for shard in self.shards {
            var end = query.isOpen == false || query.reason != nil ? 0 : Int.max
            while end > 0 {
                let below = end
                let (slice, next) = await shard.run { $0.rows(below: below, query) }
                for row in slice { rows[row.position.id] = row }
                end = next
            }
            // Closed connections are read after open ones: a connection that ends meanwhile is found at least once.
            guard query.isOpen != true else { continue }
            for connection in await shard.run({ $0.closedConnections.all })
            where connection.matches(query) {
                rows[connection.id] = ConnectionRow(
                    position: .init(key: connection.key(query.sort), id: connection.id),
                    shard: shard.index
                )
            }
        }
        return rows.values.sorted { query.isDescending ? $0.position > $1.position : $0.position < $1.position }
    }

    private func snapshots(
        of rows: ArraySlice<ConnectionRow>,
        _ query: ConnectionQuery
    ) async -> [ConnectionSnapshot] {
        var found: [UInt64: ConnectionSnapshot] = [:]
        for shard in self.shards {
            let own = rows.filter { $0.shard == shard.index }
            for start in stride(from: 0, to: own.count, by: Shard.shownSlice) {
                let slice = own[start..<min(start + Shard.shownSlice, own.count)]
                for connection in await shard.run({ $0.snapshots(of: slice) }) {
                    found[connection.id] = connection
                }
            }
            let missing = Set(own.map(\.position.id).filter { found[$0] == nil })
            guard !missing.isEmpty else { continue }
            // They have another place in the list now, or have ended.
            if own.contains(where: { $0.hint != nil && missing.contains($0.position.id) }) {
                for connection in await self.open(missing, on: shard) { found[connection.id] = connection }
            }
            guard query.isOpen != true else { continue }
            for connection in await shard.run({ $0.closedConnections.all })
            where missing.contains(connection.id) { found[connection.id] = connection.snapshot }
        }
        return rows.compactMap { found[$0.position.id] }
    }

    /// The connections with `ids` that are open on `shard`.
    private func open(_ ids: Set<UInt64>, on shard: Shard) async -> [ConnectionSnapshot] {
        var found: [ConnectionSnapshot] = []
        var end = Int.max
        while end > 0, found.count < ids.count {
            let below = end
            let (slice, next) = await shard.run { shard in
                let (connections, next) = shard.connections(ids, below: below)
                return (connections.map { shard.snapshot(of: $0) }, next)
            }
            found += slice
            end = next
        }
        return found
    }

    /// See ``RelayOperations/connection(_:)``.
    public func connection(_ id: UInt64) async -> ConnectionSnapshot? {
        for shard in self.shards {
            if let open = await self.open([id], on: shard).first { return open }
        }
        for shard in self.shards {
            if let closed = await shard.run({ $0.closedConnections.all.first { $0.id == id } }) { return closed.snapshot }
        }
        return nil
    }

    /// See ``RelayOperations/disconnect(connection:)``.
    public func disconnect(connection id: UInt64) async -> Bool {
        for shard in self.shards {
            var end = Int.max
            while end > 0 {
                let below = end
                let result = await shard.run { shard in
                    let (connections, next) = shard.connections([id], below: below)
                    for connection in connections { shard.close(connection, .kicked) }
                    return (isFound: !connections.isEmpty, next: next)
                }
                if result.isFound { return true }
                end = result.next
            }
        }
        return false
    }
}

extension ClosedConnection {
    fileprivate func matches(_ query: ConnectionQuery) -> Bool {
        if let reason = query.reason, reason != self.reason { return false }
        if let ccid = query.ccid, !self.ccids.contains(ccid) { return false }
        if let dialect = query.dialect, dialect != self.dialect { return false }
        return query.remoteAddress?.contains(self.remoteAddress) ?? true
    }

    fileprivate func key(_ sort: ConnectionQuery.Sort) -> Int64 {
        switch sort {
        case .id, .inFlightBytes: 0
        case .lastReceived: self.lastReceivedAt.microseconds
        case .closed: self.closedAt.microseconds
        case .bytesReceived: Int64(clamping: self.counters.bytesReceived)
        case .bytesDelivered: Int64(clamping: self.counters.bytesDelivered)
        }
    }
}
