import NIOCore
import RelayCore
import TTMSProtocol

// Terminals as operators see them.
extension RelayServer {
    /// See ``RelayOperations/terminals(_:)``.
    public func terminals(_ query: TerminalQuery) async throws -> ListPage<TerminalSnapshot> {
        var list = query
        list.after = nil
        list.limit = 0
        let rows = try await self.terminalIndex.rows(of: list, isFirst: query.after == nil) { [list] in
            try await self.terminalRows(list)
        }
        let (page, next) = rows.page(
            after: query.after,
            limit: query.limit,
            isDescending: query.isDescending,
            position: \.self
        )
        let ccids = page.map { CCID(rawValue: UInt32(truncatingIfNeeded: $0.id)) }
        return ListPage(items: try await self.snapshots(of: ccids, query), next: next)
    }

    /// The positions of all terminals that match `query`, in its order.
    private func terminalRows(_ query: TerminalQuery) async throws -> [ListPosition] {
        if query.isOfCCIDs { return await self.ccidRows(query) }
        let kept = self.groupCommit.kept.all
        var keys: [UInt32: Int64] = [:]
        var others: Set<UInt32> = []
        for shard in self.shards {
            var part = 0
            while part < TerminalTable.parts {
                let start = part
                let (rows, end) = await shard.run { shard in
                    let end = min(start + shard.parts(of: Shard.slice), TerminalTable.parts)
                    return (shard.rows(inParts: start..<end, query), end)
                }
                part = end
                for row in rows where row.isMatch && query.hasBacklog.map({ $0 == kept.contains(row.ccid.rawValue) }) ?? true {
                    keys[row.ccid.rawValue] = row.key
                }
                for row in rows where !row.isMatch && kept.contains(row.ccid.rawValue) { others.insert(row.ccid.rawValue) }
            }
        }
        // Terminals that no shard remembers, but that have queued frames: they are offline, and nothing else is known of them.
        if query.admitsUnknown {
            let range = query.range
            for ccid in kept where range.contains(ccid) && keys[ccid] == nil && !others.contains(ccid) {
                keys[ccid] = query.sort == .lastHeartbeat ? .min : 0
            }
        }
        if query.sort == .backlog || query.sort == .oldestAge {
            let least: Int64 = query.sort == .backlog ? 0 : .min
            keys = keys.mapValues { _ in least }
            let wanted = keys.keys.filter(kept.contains)
            for (ccid, backlog) in zip(wanted, try await self.backlogs(of: wanted.map(CCID.init(rawValue:))))
            where backlog.frames > 0 {
                keys[ccid] = query.sort == .backlog ? Int64(backlog.frames) : backlog.oldestAcceptedAt.map { -$0.microseconds }
            }
        }
        let positions = keys.map { ListPosition(key: $0.value, id: UInt64($0.key)) }
        return query.isDescending ? positions.sorted(by: >) : positions.sorted()
    }

    /// The positions for a query that depends on CCIDs only: with many terminals this takes a fraction of the time.
    private func ccidRows(_ query: TerminalQuery) async -> [ListPosition] {
        let kept = self.groupCommit.kept.all
        let range = query.range
        var ccids = query.hasBacklog == false ? [] : Array(kept.filter(range.contains))
        if query.hasBacklog != true {
            for shard in self.shards {
                var part = 0
                while part < TerminalTable.parts {
                    let start = part
                    let (found, next) = await shard.run { $0.ccids(in: range, from: start) }
                    ccids += query.hasBacklog == nil ? found : found.filter { !kept.contains($0) }
                    part = next
                }
            }
        }
        ccids.sort()
        // Known terminals with a backlog are there twice, as are those that have moved between two shards meanwhile.
        var positions: [ListPosition] = []
        positions.reserveCapacity(ccids.count)
        for (index, ccid) in ccids.enumerated() where index == 0 || ccids[index - 1] != ccid {
            positions.append(ListPosition(key: 0, id: UInt64(ccid)))
        }
        if query.isDescending { positions.reverse() }
        return positions
    }

    /// The number of terminals whose backlogs are requested from the store's thread at once: it also has frames to commit.
    private static let backlogSlice = 256

    /// The backlogs of `ccids`, in their order. They are requested from the store's thread only for terminals with queued frames,
    /// so nearly always for none.
    ///
    /// - Throws: ``StoreError`` when the store is closed.
    private func backlogs(of ccids: [CCID]) async throws -> [Backlog] {
        var result = Array(repeating: Backlog(), count: ccids.count)
        let kept = ccids.indices.filter { self.groupCommit.kept.contains(ccids[$0]) }
        for start in stride(from: 0, to: kept.count, by: Self.backlogSlice) {
            let slice = kept[start..<min(start + Self.backlogSlice, kept.count)]
            // Not by `post`, which also reads changes that a crash may still undo.
            let backlogs = try await self.groupCommit.perform { store in slice.map { store.backlog(of: ccids[$0]) } }
            for (index, backlog) in zip(slice, backlogs) { result[index] = backlog }
        }
        return result
    }

    /// The snapshots of `ccids`, in their order, without those that are gone or no longer match `query`.
    private func snapshots(of ccids: [CCID], _ query: TerminalQuery) async throws -> [TerminalSnapshot] {
        var known: [CCID: TerminalSnapshot] = Dictionary(minimumCapacity: ccids.count)
        for shard in self.shards {
            for start in stride(from: 0, to: ccids.count, by: Shard.shownSlice) {
                let slice = ccids[start..<min(start + Shard.shownSlice, ccids.count)]
                // A terminal on its way between two shards is on none of them for a moment.
                for terminal in await shard.run({ $0.snapshots(of: slice) }) {
                    known[terminal.ccid] = terminal
                }
            }
        }
        return zip(ccids, try await self.backlogs(of: ccids)).compactMap { ccid, backlog in
            guard known[ccid] != nil || backlog.frames > 0 else { return nil }
            var terminal = known[ccid] ?? TerminalSnapshot(ccid: ccid)
            terminal.backlog = self.shown(backlog)
            if let isOnline = query.isOnline, isOnline != terminal.isOnline { return nil }
            if let hasBacklog = query.hasBacklog, hasBacklog != (backlog.frames > 0) { return nil }
            return terminal
        }
    }

    /// See ``RelayOperations/terminal(_:)``.
    public func terminal(_ ccid: CCID) async throws -> TerminalSnapshot? {
        var known: TerminalSnapshot?
        for shard in self.shards where known == nil {
            known = await shard.run { shard in shard.terminals[ccid].map { shard.snapshot(of: $0, withHistory: true) } }
        }
        let backlog = try await self.backlogs(of: [ccid]).first ?? Backlog()
        guard known != nil || backlog.frames > 0 else { return nil }
        var terminal = known ?? TerminalSnapshot(ccid: ccid)
        terminal.backlog = self.shown(backlog)
        return terminal
    }

    /// See ``RelayOperations/disconnect(_:)``.
    public func disconnect(_ ccid: CCID) async -> Bool {
        for shard in self.shards where await shard.run({ $0.kick(ccid) }) { return true }
        return false
    }
}

extension TerminalQuery {
    /// Whether the list can be gathered without access to the terminals.
    fileprivate var isOfCCIDs: Bool {
        self.sort == .ccid && self.isOnline == nil && self.isLate == nil && self.remoteAddress == nil && self.dialect == nil
    }

    /// Whether the query may match a terminal of which only its queued frames are known.
    fileprivate var admitsUnknown: Bool {
        self.isOnline != true && self.isLate != true && self.hasBacklog != false && self.remoteAddress == nil
            && self.dialect == nil
    }
}
