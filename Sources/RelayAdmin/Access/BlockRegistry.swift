import AdminAPI
import FoundationEssentials
import Logging
import RelayCore
import TTMSProtocol

/// Whom operators have shut out, kept in `blocks.json`, and put in force whenever it changes or a block ends.
actor BlockRegistry {
    /// Blocks at the most: the file is written as a whole.
    static let maximum = 10_000
    /// More bytes than ``maximum`` blocks take.
    private static let maximumFileSize = 32 << 20
    /// The longest sleep until a block ends, seconds: its clock follows small corrections of the wall clock.
    private static let longestSleep = 3_600.0

    private let executor = DiskExecutor("blocks")
    nonisolated var unownedExecutor: UnownedSerialExecutor { self.executor.asUnownedSerialExecutor() }

    private let file: KeptFile
    private let inventory: KeptInventory
    /// By which blocks end.
    nonisolated let clock: AccessClock
    private let logger: Logger
    /// Which restorations of the file are logged: on a full disk it is tried every ten seconds.
    private var restoreLog = LogLimit<String>()
    private let operations: any RelayOperations
    private var kept: [KeptBlock]
    private var alarm: Task<Void, Never>?
    /// The latest list on its way to the event loops.
    private var enforcement: Task<Int, Never>?

    /// Reads the file. Nothing is in force before ``start()``.
    ///
    /// - Throws: ``AdminError``.
    init(
        file: String,
        inventory: KeptInventory,
        operations: any RelayOperations,
        logger: Logger
    ) throws(AdminError) {
        self.file = KeptFile(path: file)
        self.inventory = inventory
        self.clock = inventory.clock
        self.operations = operations
        self.logger = logger
        // To start without them would let in whom an operator has shut out.
        let kept = try self.file.decoded(
            KeptBlock.File.self,
            limit: Self.maximumFileSize,
            name: "blocks'",
            inventory: inventory,
            empty: #"{"format": 1, "blocks": []}"#,
            withoutIt: "nobody is blocked"
        )
        self.kept = kept?.blocks ?? []
    }

    deinit {
        self.alarm?.cancel()
    }

    /// Puts in force what was kept.
    func start() async {
        _ = await self.enforce()
    }

    /// Writes the file again if somebody has removed it: at the next start nobody would know whom to shut out.
    func restore() {
        guard self.inventory.holds(self.file.name), !self.file.exists else { return }
        let outcome = Result { () throws(ProblemDetails) in try self.keep(self.kept) }
        let text = outcome.failure?.detail ?? "done"
        guard let heldBack = self.restoreLog.admit(text, at: .now) else { return }
        self.logger.error(
            "The blocks' file was removed while the relay ran, and is written again",
            metadata: ["file": "\(self.file.path)", "outcome": "\(text)", "held_back": "\(heldBack)"]
        )
    }

    /// All blocks that have not ended.
    func blocks(now: Timestamp? = nil) -> [KeptBlock] {
        let now = now ?? self.clock.now()
        return self.kept.filter { $0.isInForce(at: now) }
    }

    /// What keeps a terminal out; of several blocks, the one that ends last.
    ///
    /// - Parameter address: where it came from last, as far as that is known.
    func block(of ccid: CCID, from address: PeerAddress?, now: Timestamp? = nil) -> KeptBlock? {
        let matching = self.blocks(now: now).filter { block in
            switch block.target {
            case .ccid(let blocked): blocked == ccid
            case .network(let network): address.map { network.contains($0) } ?? false
            }
        }
        let forEver = Timestamp(microseconds: .max)
        return matching.max { ($0.expiresAt ?? forEver) < ($1.expiresAt ?? forEver) }
    }

    /// Shuts somebody out, or changes the end and the reason of a block that there is. In force and on disk when it returns.
    ///
    /// - Returns: how many connections it closed, and whether there was none for the same target before.
    /// - Throws: ``ProblemDetails``.
    func add(_ block: KeptBlock, now: Timestamp? = nil) async throws(ProblemDetails) -> (closed: Int, isNew: Bool) {
        var blocks = self.blocks(now: now)
        let before = blocks.count
        blocks.removeAll { $0.target == block.target }
        let isNew = blocks.count == before
        guard blocks.count < Self.maximum else {
            throw ProblemDetails(
                .limitReached,
                detail: "There are \(Self.maximum) blocks already. Remove some, or block whole networks."
            )
        }
        try self.keep(blocks + [block])
        return (await self.enforce(), isNew)
    }

    /// Lets somebody in again.
    ///
    /// - Throws: ``ProblemDetails``.
    func remove(_ target: Block.Target, now: Timestamp? = nil) async throws(ProblemDetails) {
        let blocks = self.blocks(now: now)
        guard blocks.contains(where: { $0.target == target }) else {
            throw ProblemDetails(.blockNotFound, detail: "There is no block of \(target), or it has ended.")
        }
        try self.keep(blocks.filter { $0.target != target })
        _ = await self.enforce()
    }

    private func keep(_ blocks: [KeptBlock]) throws(ProblemDetails) {
        try self.file.replace(sealing: KeptBlock.File(blocks: blocks), inventory: self.inventory)
        self.kept = blocks
    }

    /// - Returns: how many connections were closed.
    private func enforce() async -> Int {
        let blocks = self.blocks()
        self.awaitEnd(of: blocks)
        // Without their ends, which are by another clock than the event loops'.
        let list = BlockList(blocks.map { Block($0.target) })
        // One list after the other: on no event loop may an older one come last.
        let enforcement = Task { [former = self.enforcement, operations = self.operations] in
            _ = await former?.value
            return await operations.enforce(list)
        }
        self.enforcement = enforcement
        return await enforcement.value
    }

    /// Has what has ended taken out of force: event loops no longer ask when there is nothing left.
    private func awaitEnd(of blocks: [KeptBlock]) {
        self.alarm?.cancel()
        self.alarm = nil
        guard let end = blocks.compactMap(\.expiresAt).min() else { return }
        // A little more: then it has ended.
        let seconds = min(max(end.seconds(since: self.clock.now()), 0) + 0.01, Self.longestSleep)
        self.alarm = Task { [weak self] in
            guard (try? await Task.sleep(for: .seconds(seconds))) != nil else { return }
            _ = await self?.enforce()
        }
    }
}

/// A block as the relay keeps it.
struct KeptBlock: Equatable, Sendable {
    var target: Block.Target
    var reason: String
    var createdAt: Timestamp
    /// The name of the token that it was made with.
    var createdBy: String
    /// `nil` when it does not end.
    var expiresAt: Timestamp?

    /// The block with its times by the wall clock, for people.
    func shown(by clock: AccessClock) -> KeptBlock {
        var block = self
        block.createdAt = clock.wallTime(self.createdAt)
        block.expiresAt = self.expiresAt.map(clock.wallTime)
        return block
    }

    /// Whether it shuts anybody out at `now`.
    func isInForce(at now: Timestamp) -> Bool {
        self.expiresAt.map { now < $0 } ?? true
    }

    /// What `blocks.json` holds.
    struct File: Codable {
        /// Raised when an older relay would misread what a newer one writes.
        var format = 1
        var blocks: [KeptBlock]
    }
}

extension KeptBlock: Codable {
    private enum CodingKeys: String, CodingKey {
        case target, reason
        case createdAt = "created_at"
        case createdBy = "created_by"
        case expiresAt = "expires_at"
    }

    /// Reads an element of `blocks.json`.
    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        guard let target = Block.Target(try fields.decode(String.self, forKey: .target)) else {
            let reason = "It has to be a CCID, an address or a network."
            throw DecodingError.dataCorruptedError(forKey: .target, in: fields, debugDescription: reason)
        }
        self.target = target
        self.reason = try fields.decode(String.self, forKey: .reason)
        self.createdAt = try fields.decode(Timestamp.self, forKey: .createdAt)
        self.createdBy = try fields.decode(String.self, forKey: .createdBy)
        self.expiresAt = try fields.decodeIfPresent(Timestamp.self, forKey: .expiresAt)
    }

    /// Writes an element of `blocks.json`.
    func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        try fields.encode(self.target.description, forKey: .target)
        try fields.encode(self.reason, forKey: .reason)
        try fields.encode(self.createdAt, forKey: .createdAt)
        try fields.encode(self.createdBy, forKey: .createdBy)
        try fields.encodeIfPresent(self.expiresAt, forKey: .expiresAt)
    }
}
