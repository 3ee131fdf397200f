import AdminAPI
import Logging

/// Who may use the relay, and who did: what is kept of it in the data directory beside the queue.
struct AccessControl: Sendable {
    let tokens: TokenRegistry
    let audit: AuditLog

    /// - Throws: ``AdminError`` when a file cannot be used.
    init(options: AdminOptions, logger: Logger) throws(AdminError) {
        self.tokens = try TokenRegistry(
            adminFile: options.file(Endpoints.tokenFileName),
            file: options.file("tokens.json"),
            logger: logger
        )
        self.audit = try AuditLog(directory: options.file("audit"), limit: options.auditLimit, logger: logger)
    }

    /// Writes what is not on disk yet: nobody asks any more.
    func close() async {
        await self.audit.close()
        await self.tokens.close()
    }
}
