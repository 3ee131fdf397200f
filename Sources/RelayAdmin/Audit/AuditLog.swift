import AdminAPI
import Logging
import RelayCore
import Synchronization

/// The record of every request that changes state, and of every one that is denied.
///
/// Entries gather in memory. The next caller of ``AuditWriter`` writes all of them with one sync. As with the store's group commit,
/// a slow disk makes the groups larger, and not the queue longer. A change is answered when its entry is on disk. A denial is
/// answered at once, on the thread that serves all clients: it is only counted there, and its entry is written later.
final class AuditLog: Sendable {
    private struct State {
        var pending: [AuditResource] = []
        var tally = DenialTally()
        /// The number of denied requests, by the problem's code.
        var denials: [String: Int] = [:]
        var isClosed = false
    }

    private let state = Mutex(State())
    private let writer: AuditWriter
    private let reader: AuditReader
    /// The time for which further denials of one kind are only counted.
    private let tallyTime: Duration

    /// Opens the log.
    ///
    /// - Throws: ``AdminError``.
    init(
        directory: String,
        inventory: FileInventory,
        limit: Int,
        tallyTime: Duration = .seconds(60),
        logger: Logger
    ) throws(AdminError) {
        self.writer = try AuditWriter(directory: directory, inventory: inventory, limit: limit, logger: logger)
        self.reader = AuditReader(directory: directory, logger: logger)
        self.tallyTime = tallyTime
    }

    /// Records a change. On disk when it returns, unless the disk fails.
    func record(_ entry: AuditResource) async {
        self.state.withLock { $0.pending.append(entry) }
        await self.flush()
    }

    /// Records a denial without waiting for the disk.
    func recordDenial(_ entry: AuditResource) {
        let (isRecorded, isFirst) = self.state.withLock { state in
            guard !state.isClosed else { return (false, false) }
            state.denials[entry.code ?? "", default: 0] += 1
            let isFirst = state.tally.isEmpty
            guard let entry = state.tally.add(entry) else { return (false, false) }
            state.pending.append(entry)
            return (true, isFirst)
        }
        guard isRecorded else { return }
        Task { await self.flush() }
        guard isFirst else { return }
        // Not cancelled: the task holds the log for at most a minute, and after `close` it finds no denials.
        Task { [tallyTime] in
            try? await Task.sleep(for: tallyTime)
            await self.finishTally()
        }
    }

    /// The metrics of the audit log.
    var metrics: [MetricFamily] {
        let denials = self.state.withLock { $0.denials }
        let codes: [ProblemCode] = [.unauthorized, .insufficientScope, .misdirectedRequest, .tooManyFailures]
        return [
            MetricFamily(
                "ttms_admin_denials_total",
                .counter,
                help: "Admin requests that were denied, by the problem's code.",
                samples: codes.map { code in
                    .init(Double(denials[code.rawValue] ?? 0), labels: [.init("code", code.rawValue)])
                }
            ),
            MetricFamily(
                "ttms_audit_entries_lost_total",
                .counter,
                help: "Entries of the audit log that could not be written, or whose file was removed.",
                value: self.writer.lostEntries.load(ordering: .relaxed)
            ),
        ]
    }

    /// Reads entries below an id, the newest first.
    func entries(_ filter: AuditReader.Filter, before: UInt64?, limit: Int) async throws -> AuditReader.Found {
        await self.flush()
        return try await self.reader.entries(filter, before: before, limit: limit)
    }

    /// Writes the counted denials, and accepts no more of them.
    func close() async {
        self.state.withLock { $0.isClosed = true }
        await self.finishTally()
        await self.writer.end()
    }

    /// Checks that the files still exist.
    func check() async { await self.flush() }

    private func finishTally() async {
        self.state.withLock { $0.pending += $0.tally.finish() }
        await self.flush()
    }

    /// Writes all gathered entries. The writer carries out one call at a time. Entries that an earlier call took are therefore
    /// written when this one returns.
    private func flush() async {
        await self.writer.write {
            self.state.withLock { state in
                defer { state.pending = [] }
                return state.pending
            }
        }
    }
}
