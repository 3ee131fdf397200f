import AdminAPI
import Logging
import RelayCore

/// Tokens, audit log and blocks, with their files in the data directory.
struct AccessControl: Sendable {
    let tokens: TokenRegistry
    let audit: AuditLog
    let blocks: BlockRegistry
    let failures: FailedAttempts
    let inventory: FileInventory

    /// - Throws: ``AdminError`` when a file cannot be used.
    init(
        options: AdminOptions,
        operations: any RelayOperations,
        clock: (ClockReading?) -> AccessClock = { _ in .wall },
        logger: Logger
    ) throws(AdminError) {
        self.failures = FailedAttempts(limit: options.maximumFailedAttempts)
        let inventory = FileInventory(
            file: options.file("admin.json"),
            traces: ["audit", "tokens.json", "blocks.json"].map(options.file),
            clock: clock,
            logger: logger
        )
        self.inventory = inventory
        self.tokens = try TokenRegistry(
            adminFile: options.file(Endpoints.tokenFileName),
            file: options.file("tokens.json"),
            inventory: inventory,
            logger: logger
        )
        self.audit = try AuditLog(
            directory: options.file("audit"),
            inventory: inventory,
            limit: options.auditLimit,
            logger: logger
        )
        self.blocks = try BlockRegistry(
            file: options.file("blocks.json"),
            inventory: inventory,
            operations: operations,
            logger: logger
        )
    }

    /// The interval of the checks that the files still exist.
    private static let watchInterval = Duration.seconds(10)

    /// Restores files that somebody removes while the relay runs, until the task is cancelled.
    func watch() async {
        while (try? await Task.sleep(for: Self.watchInterval)) != nil {
            await self.tokens.restore()
            await self.blocks.restore()
            await self.audit.check()
            self.inventory.storeReading()
        }
    }

    /// Writes what is not on disk yet, after the last request.
    func close() async {
        await self.tokens.close()
        await self.audit.close()
    }
}
