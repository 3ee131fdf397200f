import RelayCore

/// What a store remembers of messages beyond their frames, read as far as it can be.
struct RecordedTraces {
    /// Traces of messages that should be kept.
    private(set) var live: [MessageID: MessageTrace] = [:]
    /// Messages that should not be kept any more.
    private(set) var ended: Set<MessageID> = []

    /// Reads all traces and keys of `database`, and adds to `result` what is wrong with them.
    init(of database: Database, _ result: inout InspectionResult) {
        // A store that no newer release has opened yet.
        guard database.has(.traces), database.has(.keys) else { return }
        Self.read(.traces, of: database, &result) { key, value in
            let id = MessageID(rawValue: key)
            guard let trace = TraceRecord.read(id, from: value) else { return false }
            if trace.state.isEnd { self.ended.insert(id) } else { self.live[id] = trace }
            return true
        }
        result.traces = self.live.count + self.ended.count
        var keys = 0
        Self.read(.keys, of: database, &result) { key, value in
            guard let uses = KeyRecord.read(value), uses.allSatisfy({ $0.key.place == key }) else { return false }
            keys += uses.count
            return true
        }
        result.keys = keys
    }

    private static func read(
        _ family: Database.Family,
        of database: Database,
        _ result: inout InspectionResult,
        _ take: (UInt64, UnsafeRawBufferPointer) -> Bool
    ) {
        do throws(StoreError) {
            let iterator = try database.iterator(family)
            iterator.seek(0)
            while let key = iterator.key {
                if !take(key, iterator.value) {
                    result.add(
                        .contradiction,
                        "The record under the key \(String(key, radix: 16)) in \(family) is none that is known."
                    )
                }
                iterator.next()
            }
            try iterator.check()
        } catch {
            result.add(.unreadable, "The records in \(family) cannot be read to their end. \(error.message)")
        }
    }
}
