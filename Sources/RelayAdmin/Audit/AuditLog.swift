import AdminAPI
import Logging
import RelayCore
import Synchronization

/// Who did what, when and from where: every request that changes something, and every one that was denied.
///
/// Entries gather in memory and are written by whoever comes next to ``AuditWriter``, together, with one sync: as with the store's
/// group commit, a disk that is slow makes the groups larger and not the queue longer. A change is answered when its entry is on
/// disk. A denial is answered at once, on the thread that serves all: it only counts, and its entry follows.
final class AuditLog: Sendable {
    private struct State {
        var pending: [AuditResource] = []
        var tally = DenialTally()
        /// How many requests were denied, by the problem's code.
        var denials: [String: Int] = [:]
        var isClosed = false
    }

    private let state = Mutex(State())
    private let writer: AuditWriter
    private let reader: AuditReader
    /// How long denials of one kind are only counted.
    private let tallyTime: Duration

    /// Opens the log.
    ///
    /// - Throws: ``AdminError``.
    init(
        directory: String,
        inventory: KeptInventory,
        limit: Int,
        tallyTime: Duration = .seconds(60),
        logger: Logger
    ) throws(AdminError) {
        self.writer = try AuditWriter(directory: directory, inventory: inventory, limit: limit, logger: logger)
        self.reader = AuditReader(directory: directory)
        self.tallyTime = tallyTime
    }

    /// Records a change. On disk when it returns, as far as the disk takes it.
    func record(_ entry: AuditResource) async {
        self.state.withLock { $0.pending.append(entry) }
        await self.flush()
    }

    /// Records a denial, sooner or later. Does not wait.
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
        // Cancelled by nobody: it holds the log for a minute at the most, and what it finds after `close` is nothing.
        Task { [tallyTime] in
            try? await Task.sleep(for: tallyTime)
            await self.finishTally()
        }
    }

    /// What monitoring sees of it.
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
                help: "Entries of the audit log that could not be written, or that somebody has removed.",
                value: self.writer.lostEntries.load(ordering: .relaxed)
            ),
        ]
    }

    /// Entries below an id, the newest first.
    func entries(_ filter: AuditReader.Filter, before: UInt64?, limit: Int) async throws -> AuditReader.Found {
        await self.flush()
        return try await self.reader.entries(filter, before: before, limit: limit)
    }

    /// Writes what is only counted yet, and takes no more denials.
    func close() async {
        self.state.withLock { $0.isClosed = true }
        await self.finishTally()
        await self.writer.end()
    }

    /// Looks whether the files are there still.
    func check() async { await self.flush() }

    private func finishTally() async {
        self.state.withLock { $0.pending += $0.tally.finish() }
        await self.flush()
    }

    /// Writes all that has gathered. The writer takes one call after the other, so that what another one has taken before is
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
