import RelayCore

/// The traces and idempotency keys of a store, as far as they can be read.
struct RecordedTraces {
    /// Traces of messages that should be in a queue.
    private(set) var live: [MessageID: MessageTrace] = [:]
    /// Messages that should not be in a queue.
    private(set) var ended: Set<MessageID> = []

    /// Reads all traces and keys of `database`, and adds their flaws to `result`.
    init(of database: Database, _ result: inout InspectionResult) {
        // A store of format 1 has none.
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
                        "The record under the key \(String(key, radix: 16)) in \(family) has an unknown form."
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
