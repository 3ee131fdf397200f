import AdminAPI
import FoundationEssentials

/// Reads the audit log, the newest entry first.
actor AuditReader {
    /// Which entries to read.
    struct Filter: Equatable, Sendable {
        /// A token's id or name; `nil` for all, and for none.
        var token: String?
        var outcome: AuditOutcome?
        /// Milliseconds since 1970; only entries from then on.
        var since: Int64?

        /// Whether `entry` is wanted.
        func includes(_ entry: AuditResource) -> Bool {
            (self.token.map { $0 == entry.tokenID || $0 == entry.tokenName } ?? true)
                && (self.outcome.map { $0 == entry.outcome } ?? true)
                && (self.since.map { $0 <= APITime.milliseconds(entry.at) ?? .max } ?? true)
        }
    }

    /// Entries found, and where to go on.
    struct Found: Equatable, Sendable {
        var entries: [AuditResource] = []
        /// Read on before this id; `nil` when there is nothing left.
        var next: UInt64?
    }

    private let executor = DiskExecutor("audit-reader")
    nonisolated var unownedExecutor: UnownedSerialExecutor { self.executor.asUnownedSerialExecutor() }

    private let directory: String

    init(directory: String) {
        self.directory = directory
    }

    /// Up to `limit` entries with ids below `before`. One call looks through one file at the most once it has found nothing more
    /// in it, so that a rare entry is looked for page by page, and not in one long request.
    ///
    /// - Throws: when the directory cannot be read.
    func entries(_ filter: Filter, before: UInt64?, limit: Int) throws -> Found {
        let before = before ?? .max
        // A file may be removed meanwhile: its entries are gone then.
        guard let file = try AuditFiles.all(in: self.directory).last(where: { $0.first < before }) else { return Found() }
        let contents = (try? KeptFile(path: file.path).contents(limit: .max)) ?? []
        var found = Found()
        let lines = AuditFiles.lines(of: contents)
        for (index, line) in lines.enumerated().reversed() {
            let id = file.first + UInt64(index)
            // A line that somebody has edited is not ours to judge: it is left out.
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
