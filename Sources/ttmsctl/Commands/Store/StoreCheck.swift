import AdminAPI
import ArgumentParser
import RelayCore
import RelayStorage
import TTMSProtocol

/// Checks a store.
struct StoreCheck: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Read everything in the store, and report all damage.",
        discussion: """
            Every record and every frame is read with its checksum, and compared with the store's ledger and its counts per \
            terminal. The exit code is 0 if the store is sound, and 1 if it is damaged.
            """
    )

    @OptionGroup var store: StoreOptions

    @Option(help: "The output format: a table for people, or JSON for programs.")
    var output = OutputFormat.table

    func run() async throws {
        let result = try self.store.inspect { (inspection) throws(Failure) in inspection.check() }
        switch self.output {
        case .json: try Console.write(json: StoreCheckReport(result, store: self.store.path))
        case .table: for line in Self.lines(result, store: self.store.path) { Console.write(line) }
        }
        if !result.isSound { throw ExitCode(EndStatus.refused.rawValue) }
    }

    static func lines(_ result: InspectionResult, store: String) -> [String] {
        let (totals, found) = (result.totals, result.found)
        let fields = Table.fields([
            ("store", store),
            ("last commit", "\(result.commit)"),
            ("appended", "\(totals.appended) frames"),
            ("delivered", "\(totals.removed)"),
            ("expired", "\(totals.expired)"),
            ("deleted", "\(totals.deleted)"),
            ("evicted", "\(totals.evicted)"),
            ("rejected", "\(totals.rejected), never appended"),
            ("queued", "\(totals.frames) frames, \(totals.bytes) bytes, for \(totals.terminals) terminals"),
            ("found", "\(found.frames) frames, \(found.bytes) bytes, for \(found.terminals) terminals"),
            ("dead", "\(result.deadFrames) frames whose space is not reclaimed yet"),
            ("traces", "\(result.traces) messages, and \(result.keys) idempotency keys"),
        ])
        guard !result.isSound else { return fields + ["The store is sound."] }
        return fields + ["The store is damaged:"] + result.lines.map { "  \($0)" }
    }
}

/// The JSON output of `store check`.
struct StoreCheckReport: Codable, Equatable {
    /// The frames and records that the check has found.
    struct Found: Codable, Equatable {
        var terminals: Int
        var frames: Int
        var bytes: Int
        var deadFrames: Int
        var traces: Int
        var idempotencyKeys: Int

        enum CodingKeys: String, CodingKey {
            case terminals, frames, bytes, traces
            case idempotencyKeys = "idempotency_keys"
            case deadFrames = "dead_frames"
        }
    }

    /// One flaw of the store.
    struct Finding: Codable, Equatable {
        var kind: String
        @Nullable var ccid: String?
        var message: String
    }

    var store: String
    var sound: Bool
    /// A 64-bit number in decimal.
    var commit: String
    /// The counts that the store has recorded.
    var recorded: StatusResource.Store
    var found: Found
    var findings: [Finding]
    var omittedFindings: Int

    enum CodingKeys: String, CodingKey {
        case store, sound, commit, recorded, found, findings
        case omittedFindings = "omitted_findings"
    }

    init(_ result: InspectionResult, store: String) {
        self.store = store
        self.sound = result.isSound
        self.commit = String(result.commit)
        self.recorded = StatusResource.Store()
        self.recorded.frames = result.totals.frames
        self.recorded.bytes = result.totals.bytes
        self.recorded.terminals = result.totals.terminals
        self.recorded.appended = result.totals.appended
        self.recorded.removed = result.totals.removed
        self.recorded.expired = result.totals.expired
        self.recorded.deleted = result.totals.deleted
        self.recorded.evicted = result.totals.evicted
        self.recorded.rejected = result.totals.rejected
        self.found = Found(
            terminals: result.found.terminals,
            frames: result.found.frames,
            bytes: result.found.bytes,
            deadFrames: result.deadFrames,
            traces: result.traces,
            idempotencyKeys: result.keys
        )
        self.findings = result.findings.map { Finding(kind: $0.kind.rawValue, ccid: $0.ccid?.description, message: $0.message) }
        self.omittedFindings = result.omittedFindings
    }
}
