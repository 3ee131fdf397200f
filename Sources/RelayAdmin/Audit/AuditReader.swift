import AdminAPI
import FoundationEssentials

/// Reads the audit log, the newest entry first.
actor AuditReader {
    /// The selection of entries.
    struct Filter: Equatable, Sendable {
        /// A token's id or name; `nil` for all entries, including those without a token.
        var token: String?
        var outcome: AuditOutcome?
        /// Milliseconds since 1970; only entries from that time on.
        var since: Int64?

        /// Whether `entry` is selected.
        func includes(_ entry: AuditResource) -> Bool {
            (self.token.map { $0 == entry.tokenID || $0 == entry.tokenName } ?? true)
                && (self.outcome.map { $0 == entry.outcome } ?? true)
                && (self.since.map { $0 <= APITime.milliseconds(entry.at) ?? .max } ?? true)
        }
    }

    /// Entries, and the place where the next page begins.
    struct Found: Equatable, Sendable {
        var entries: [AuditResource] = []
        /// The id before which the next page begins; `nil` on the last one.
        var next: UInt64?
    }

    private let executor = DiskExecutor("audit-reader")
    nonisolated var unownedExecutor: UnownedSerialExecutor { self.executor.asUnownedSerialExecutor() }

    private let directory: String

    init(directory: String) {
        self.directory = directory
    }

    /// Reads up to `limit` entries with ids below `before`. One call reads at most one file, so that a search for a rare entry takes
    /// several short requests instead of a long one.
    ///
    /// - Throws: when the directory cannot be read.
    func entries(_ filter: Filter, before: UInt64?, limit: Int) throws -> Found {
        let before = before ?? .max
        // A file that is removed meanwhile counts as empty.
        guard let file = try AuditFiles.all(in: self.directory).last(where: { $0.first < before }) else { return Found() }
        let contents = (try? StateFile(path: file.path).contents(limit: .max)) ?? []
        var found = Found()
        let lines = AuditFiles.lines(of: contents)
        for (index, line) in lines.enumerated().reversed() {
            let id = file.first + UInt64(index)
            // A line that somebody has edited is omitted when it cannot be decoded.
            guard id < before, let entry = try? APIJSON.decode(AuditResource.self, from: Data(line)),
                filter.includes(entry)
            else { continue }
            if found.entries.count == limit { return Found(entries: found.entries, next: id + 1) }
            found.entries.append(entry)
        }
        let hasOlder = try AuditFiles.all(in: self.directory).contains { $0.first < file.first }
        found.next = hasOlder ? file.first : nil
        return found
    }
}
