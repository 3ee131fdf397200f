import AdminAPI
import FoundationEssentials
import Logging
import RelayCore
import TTMSProtocol

/// The blocks, stored in `blocks.json`, and enforced whenever they change or one of them ends.
actor BlockRegistry {
    /// The most blocks: the file is written as a whole.
    static let maximum = 10_000
    /// More bytes than ``maximum`` blocks need.
    private static let maximumFileSize = 32 << 20
    /// The longest sleep until a block ends, in seconds: its clock follows small corrections of the wall clock.
    private static let longestSleep = 3_600.0

    private let executor = DiskExecutor("blocks")
    nonisolated var unownedExecutor: UnownedSerialExecutor { self.executor.asUnownedSerialExecutor() }

    private let file: StateFile
    private let inventory: FileInventory
    /// The clock by which blocks end.
    nonisolated let clock: AccessClock
    private let logger: Logger
    /// The limit on log messages about restorations of the file: on a full disk one is tried every ten seconds.
    private var restoreLog = LogLimit<String>()
    private let operations: any RelayOperations
    private var stored: [BlockRecord]
    private var alarm: Task<Void, Never>?
    /// The enforcement of the latest list on the event loops.
    private var enforcement: Task<Int, Never>?

    /// Reads the file. No block is in force before ``start()``.
    ///
    /// - Throws: ``AdminError``.
    init(
        file: String,
        inventory: FileInventory,
        operations: any RelayOperations,
        logger: Logger
    ) throws(AdminError) {
        self.file = StateFile(path: file)
        self.inventory = inventory
        self.clock = inventory.clock
        self.operations = operations
        self.logger = logger
        // A start without them would admit terminals that an operator has blocked.
        let contents = try self.file.decoded(
            BlockRecord.File.self,
            limit: Self.maximumFileSize,
            name: "blocks'",
            inventory: inventory,
            empty: #"{"format": 1, "blocks": []}"#,
            withoutIt: "there are no blocks"
        )
        self.stored = contents?.blocks ?? []
    }

    deinit {
        self.alarm?.cancel()
    }

    /// Enforces the stored blocks.
    func start() async {
        _ = await self.enforce()
    }

    /// Writes the file again if somebody has removed it, because a later start would otherwise have no blocks.
    func restore() {
        guard self.inventory.holds(self.file.name), !self.file.exists else { return }
        let outcome = Result { () throws(ProblemDetails) in try self.store(self.stored) }
        let text = outcome.failure?.detail ?? "done"
        guard let heldBack = self.restoreLog.admit(text, at: .now) else { return }
        self.logger.error(
            "The blocks' file was removed while the relay ran, and is written again",
            metadata: ["file": "\(self.file.path)", "outcome": "\(text)", "held_back": "\(heldBack)"]
        )
    }

    /// All blocks that have not ended.
    func blocks(now: Timestamp? = nil) -> [BlockRecord] {
        let now = now ?? self.clock.now()
        return self.stored.filter { $0.isInForce(at: now) }
    }

    /// The block of a terminal; of several, the one that ends last.
    ///
    /// - Parameter address: its last address, if that is known.
    func block(of ccid: CCID, from address: PeerAddress?, now: Timestamp? = nil) -> BlockRecord? {
        let matching = self.blocks(now: now).filter { block in
            switch block.target {
            case .ccid(let blocked): blocked == ccid
            case .network(let network): address.map { network.contains($0) } ?? false
            }
        }
        let forEver = Timestamp(microseconds: .max)
        return matching.max { ($0.expiresAt ?? forEver) < ($1.expiresAt ?? forEver) }
    }

    /// Adds a block, or changes the end and the reason of an existing one. In force and on disk when it returns.
    ///
    /// - Returns: the number of connections that it closed, and whether its target had no block before.
    /// - Throws: ``ProblemDetails``.
    func add(_ block: BlockRecord, now: Timestamp? = nil) async throws(ProblemDetails) -> (closed: Int, isNew: Bool) {
        var blocks = self.blocks(now: now)
        let before = blocks.count
        blocks.removeAll { $0.target == block.target }
        let isNew = blocks.count == before
        guard blocks.count < Self.maximum else {
            throw ProblemDetails(
                .limitReached,
                detail: "There are already \(Self.maximum) blocks. Remove some, or block whole networks."
            )
        }
        try self.store(blocks + [block])
        return (await self.enforce(), isNew)
    }

    /// Removes a block.
    ///
    /// - Throws: ``ProblemDetails``.
    func remove(_ target: Block.Target, now: Timestamp? = nil) async throws(ProblemDetails) {
        let blocks = self.blocks(now: now)
        guard blocks.contains(where: { $0.target == target }) else {
            throw ProblemDetails(.blockNotFound, detail: "There is no block of \(target), or it has ended.")
        }
        try self.store(blocks.filter { $0.target != target })
        _ = await self.enforce()
    }

    private func store(_ blocks: [BlockRecord]) throws(ProblemDetails) {
        try self.file.replace(sealing: BlockRecord.File(blocks: blocks), inventory: self.inventory)
        self.stored = blocks
    }

    /// - Returns: the number of connections that were closed.
    private func enforce() async -> Int {
        let blocks = self.blocks()
        self.awaitEnd(of: blocks)
        // Without the ends, which are by another clock than that of the event loops.
        let list = BlockList(blocks.map { Block($0.target) })
        // Lists are enforced one at a time, so that no event loop receives an older one last.
        let enforcement = Task { [former = self.enforcement, operations = self.operations] in
            _ = await former?.value
            return await operations.enforce(list)
        }
        self.enforcement = enforcement
        return await enforcement.value
    }

    /// Schedules the removal of ended blocks from the event loops, which then check no connection when none is left.
    private func awaitEnd(of blocks: [BlockRecord]) {
        self.alarm?.cancel()
        self.alarm = nil
        guard let end = blocks.compactMap(\.expiresAt).min() else { return }
        // A little later, so that the block has ended.
        let seconds = min(max(end.seconds(since: self.clock.now()), 0) + 0.01, Self.longestSleep)
        self.alarm = Task { [weak self] in
            guard (try? await Task.sleep(for: .seconds(seconds))) != nil else { return }
            _ = await self?.enforce()
        }
    }
}

/// A block in the relay's file.
struct BlockRecord: Equatable, Sendable {
    var target: Block.Target
    var reason: String
    var createdAt: Timestamp
    /// The name of the token that created it.
    var createdBy: String
    /// `nil` when it does not end.
    var expiresAt: Timestamp?

    /// The block with its times by the wall clock, for people.
    func shown(by clock: AccessClock) -> BlockRecord {
        var block = self
        block.createdAt = clock.wallTime(self.createdAt)
        block.expiresAt = self.expiresAt.map(clock.wallTime)
        return block
    }

    /// Whether it is in force at `now`.
    func isInForce(at now: Timestamp) -> Bool {
        self.expiresAt.map { now < $0 } ?? true
    }

    /// The content of `blocks.json`.
    struct File: Codable {
        /// Raised when an older relay would misread a newer file.
        var format = 1
        var blocks: [BlockRecord]
    }
}

extension BlockRecord: Codable {
    private enum CodingKeys: String, CodingKey {
        case target, reason
        case createdAt = "created_at"
        case createdBy = "created_by"
        case expiresAt = "expires_at"
    }

    /// Decodes an element of `blocks.json`.
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

    /// Encodes an element of `blocks.json`.
    func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        try fields.encode(self.target.description, forKey: .target)
        try fields.encode(self.reason, forKey: .reason)
        try fields.encode(self.createdAt, forKey: .createdAt)
        try fields.encode(self.createdBy, forKey: .createdBy)
        try fields.encodeIfPresent(self.expiresAt, forKey: .expiresAt)
    }
}
