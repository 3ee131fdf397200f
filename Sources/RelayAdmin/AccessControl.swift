import AdminAPI
import Logging
import RelayCore

/// Who may use the relay, who did, and who may not connect to it: what is kept of it in the data directory beside the queue.
struct AccessControl: Sendable {
    let tokens: TokenRegistry
    let audit: AuditLog
    let blocks: BlockRegistry
    let failures: FailedAttempts

    /// - Throws: ``AdminError`` when a file cannot be used.
    init(options: AdminOptions, operations: any RelayOperations, logger: Logger) throws(AdminError) {
        self.failures = FailedAttempts(limit: options.maximumFailedAttempts)
        self.tokens = try TokenRegistry(
            adminFile: options.file(Endpoints.tokenFileName),
            file: options.file("tokens.json"),
            logger: logger
        )
        self.audit = try AuditLog(directory: options.file("audit"), limit: options.auditLimit, logger: logger)
        self.blocks = try BlockRegistry(file: options.file("blocks.json"), operations: operations, logger: logger)
    }

    /// Writes what is not on disk yet: nobody asks any more.
    func close() async {
        await self.audit.close()
        await self.tokens.close()
    }
}
