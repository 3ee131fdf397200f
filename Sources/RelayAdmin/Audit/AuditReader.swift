import AdminAPI
import FoundationEssentials
import Logging
import RelayCore

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
    private let logger: Logger
    /// The limit on log messages about changed entries.
    private var changedLog = LogLimit<String>()

    init(directory: String, logger: Logger) {
        self.directory = directory
        self.logger = logger
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
        var changed: [UInt64] = []
        defer { self.reportChanged(changed, in: file) }
        for (index, line) in lines.enumerated().reversed() {
            let id = file.first + UInt64(index)
            guard id < before else { continue }
            guard let sealed = try? APIJSON.decode(Sealed<AuditResource>.self, from: Data(line)), sealed.isWhole else {
                changed.append(id)
                continue
            }
            let entry = sealed.contents
            guard filter.includes(entry) else { continue }
            if found.entries.count == limit { return Found(entries: found.entries, next: id + 1) }
            found.entries.append(entry)
        }
        let hasOlder = try AuditFiles.all(in: self.directory).contains { $0.first < file.first }
        found.next = hasOlder ? file.first : nil
        return found
    }

    /// Logs entries that do not match their checksums: they are not shown, because the disk or a person has changed them.
    private func reportChanged(_ ids: [UInt64], in file: AuditFiles.File) {
        guard let first = ids.last, let heldBack = self.changedLog.admit(file.path, at: .now) else { return }
        self.logger.error(
            "Entries of the audit log do not match their checksums and are not shown; a copy of the file, if there is one, has them",
            metadata: [
                "file": "\(file.path)", "entries": "\(ids.count)", "first_id": "\(first)", "held_back": "\(heldBack)",
            ]
        )
    }
}
