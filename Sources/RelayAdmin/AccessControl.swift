import AdminAPI
import Logging

/// Who may use the relay: what is kept in the data directory beside the queue.
struct AccessControl: Sendable {
    let tokens: TokenRegistry

    /// - Throws: ``AdminError`` when a file cannot be used.
    init(options: AdminOptions, logger: Logger) throws(AdminError) {
        self.tokens = try TokenRegistry(
            adminFile: options.file(Endpoints.tokenFileName),
            file: options.file("tokens.json"),
            logger: logger
        )
    }
}
