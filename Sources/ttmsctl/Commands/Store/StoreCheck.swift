import AdminAPI
import ArgumentParser
import RelayCore
import RelayStorage
import TTMSProtocol

/// Whether a store is whole.
struct StoreCheck: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Read everything in the store, and say what is wrong with it.",
        discussion: """
            Every record and every frame is read with its checksum, and held against the store's ledger and its counts per \
            terminal. Ends with 0 when the store is sound, and with 1 when it is damaged.
            """
    )

    @OptionGroup var store: StoreOptions

    @Option(help: "How to print: for people, or as JSON for programs.")
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
            ("ever taken", "\(totals.appended) frames"),
            ("delivered", "\(totals.removed)"),
            ("expired", "\(totals.expired)"),
            ("deleted", "\(totals.deleted)"),
            ("evicted", "\(totals.evicted)"),
            ("refused", "\(totals.rejected), never taken"),
            ("kept", "\(totals.frames) frames, \(totals.bytes) bytes, for \(totals.terminals) terminals"),
            ("found", "\(found.frames) frames, \(found.bytes) bytes, for \(found.terminals) terminals"),
            ("dead", "\(result.deadFrames) frames whose room has not come back yet"),
            ("remembered", "\(result.traces) messages by their traces, and \(result.keys) idempotency keys"),
        ])
        guard !result.isSound else { return fields + ["The store is sound."] }
        return fields + ["The store is damaged:"] + result.lines.map { "  \($0)" }
    }
}

/// What `store check` prints for programs.
struct StoreCheckReport: Codable, Equatable {
    /// What was found of the frames that are kept.
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

    /// Something that is wrong.
    struct Finding: Codable, Equatable {
        var kind: String
        @Nullable var ccid: String?
        var message: String
    }

    var store: String
    var sound: Bool
    /// A 64-bit number in decimal.
    var commit: String
    /// What the store counts.
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
