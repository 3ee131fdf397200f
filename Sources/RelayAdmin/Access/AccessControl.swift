import AdminAPI
import Logging
import RelayCore

/// Who may use the relay, who did, and who may not connect to it: what is kept of it in the data directory beside the queue.
struct AccessControl: Sendable {
    let tokens: TokenRegistry
    let audit: AuditLog
    let blocks: BlockRegistry
    let failures: FailedAttempts
    let inventory: KeptInventory

    /// - Throws: ``AdminError`` when a file cannot be used.
    init(
        options: AdminOptions,
        operations: any RelayOperations,
        clock: (ClockReading?) -> AccessClock = { _ in .wall },
        logger: Logger
    ) throws(AdminError) {
        self.failures = FailedAttempts(limit: options.maximumFailedAttempts)
        let inventory = KeptInventory(file: options.file("admin.json"), clock: clock, logger: logger)
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

    /// How often it is looked whether the files are there still.
    private static let watchInterval = Duration.seconds(10)

    /// Writes files again that somebody removes while the relay runs, until the task is cancelled.
    func watch() async {
        while (try? await Task.sleep(for: Self.watchInterval)) != nil {
            await self.tokens.restore()
            await self.blocks.restore()
            await self.audit.check()
            self.inventory.keepReading()
        }
    }

    /// Writes what is not on disk yet: nobody asks any more.
    func close() async {
        await self.tokens.close()
        await self.audit.close()
    }
}
