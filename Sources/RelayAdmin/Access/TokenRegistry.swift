import AdminAPI
import FoundationEssentials
import Logging
import RelayCore
import Synchronization

/// The tokens of the admin API with their scopes: the one of the file `admin.token`, and those created with it. Only the digests of
/// the latter are stored, in `tokens.json`.
///
/// An actor, so that the file is changed by one caller at a time, and each change is in force when it is on disk. Requests do not
/// wait for that: they read ``known``, which is locked only for a comparison.
actor TokenRegistry {
    /// The most tokens: all are compared for every request.
    static let maximum = 1_000
    /// Seconds for which an expired token is still listed, so that the reason of a refusal can be found.
    static let memory: Int64 = 30 * 24 * 3_600
    /// The id of the token in the file `admin.token`.
    static let adminID = "admin"
    /// More bytes than ``maximum`` tokens need.
    private static let maximumFileSize = 1 << 20

    private struct Known {
        var tokens: [TokenRecord]
        /// The time of each token's last use, by id.
        var uses: [String: Timestamp] = [:]
    }

    private let executor = DiskExecutor("tokens")
    nonisolated var unownedExecutor: UnownedSerialExecutor { self.executor.asUnownedSerialExecutor() }

    private nonisolated let known: Mutex<Known>
    private let adminFile: String
    private let file: StateFile
    private let inventory: FileInventory
    /// The clock by which tokens end.
    nonisolated let clock: AccessClock
    private let logger: Logger
    /// The limit on log messages about restorations of the file: on a full disk one is tried every ten seconds.
    private var restoreLog = LogLimit<String>()
    /// The times of last use in the file.
    private var storedUses: [String: Timestamp] = [:]

    /// Reads both files, and creates the admin token when there is none.
    ///
    /// - Throws: ``AdminError``.
    init(adminFile: String, file: String, inventory: FileInventory, logger: Logger) throws(AdminError) {
        let admin = try Self.admin(adminFile, inventory: inventory, logger: logger)
        self.file = StateFile(path: file)
        self.inventory = inventory
        self.clock = inventory.clock
        self.adminFile = adminFile
        self.logger = logger
        self.known = Mutex(Known(tokens: [admin] + (try Self.read(self.file, inventory))))
    }

    // MARK: Callers

    /// The caller that sends `Authorization: Bearer …`; `nil` when that contains no valid token.
    nonisolated func caller(authorization: String, now: Timestamp? = nil) -> Caller? {
        self.holder(authorization: authorization, now: now).flatMap { $0.isInForce ? $0.caller : nil }
    }

    /// The caller that `Authorization: Bearer …` identifies, and whether its token is still valid; `nil` for an unknown token.
    nonisolated func holder(authorization: String, now: Timestamp? = nil) -> (caller: Caller, isInForce: Bool)? {
        let now = now ?? self.clock.now()
        guard let digest = TokenSecret(authorization: authorization)?.digest else { return nil }
        return self.known.withLock { known in
            // All are compared, so that the time does not depend on the token's place in the list.
            var found: TokenRecord?
            for token in known.tokens where token.digest.isEqual(to: digest) { found = token }
            guard let found else { return nil }
            let isInForce = found.isInForce(at: now)
            if isInForce { known.uses[found.id] = now }
            let caller = Caller(
                digest: digest,
                tokenID: found.id,
                tokenName: found.name,
                scopes: Set(found.scopes)
            )
            return (caller, isInForce)
        }
    }

    /// Whether the token of `caller` is still valid: a continuous answer has to end with it.
    nonisolated func isInForce(_ caller: Caller, now: Timestamp? = nil) -> Bool {
        let now = now ?? self.clock.now()
        return self.known.withLock { known in
            known.tokens.contains { $0.id == caller.tokenID && $0.digest == caller.digest && $0.isInForce(at: now) }
        }
    }

    // MARK: Changes by operators

    /// All tokens including expired ones, the file's first.
    nonisolated func tokens() -> [TokenRecord] {
        self.known.withLock { known in known.tokens.map { Self.withUse($0, known.uses) } }
    }

    /// Creates a token, and removes those that expired long ago.
    ///
    /// - Returns: the token, and the only copy of its secret.
    /// - Throws: ``ProblemDetails``.
    func create(
        name: String,
        scopes: [Scope],
        expiresAt: Timestamp?,
        now: Timestamp? = nil
    ) throws(ProblemDetails) -> (TokenRecord, TokenSecret) {
        let now = now ?? self.clock.now()
        // Tokens that expire are often not revoked.
        let tokens = self.tokens().filter { token in token.expiresAt.map { now < $0.advanced(bySeconds: Self.memory) } ?? true }
        guard tokens.count < Self.maximum else {
            throw ProblemDetails(.limitReached, detail: "There are already \(Self.maximum) tokens. Revoke those not needed.")
        }
        let secret = TokenSecret.random()
        guard let digest = secret.digest else {
            throw ProblemDetails(.internalError, detail: "GnuTLS cannot compute SHA-256 here, so that no token can be stored.")
        }
        let token = TokenRecord(
            id: TokenSecret.random().text.prefix(16).description,
            name: name,
            scopes: scopes,
            digest: digest,
            createdAt: now,
            expiresAt: expiresAt
        )
        try self.replace(tokens + [token])
        return (token, secret)
    }

    /// Revokes a token.
    ///
    /// - Returns: the token.
    /// - Throws: ``ProblemDetails``.
    @discardableResult
    func revoke(_ id: String) throws(ProblemDetails) -> TokenRecord {
        guard id != Self.adminID else {
            throw ProblemDetails(
                .tokenInFile,
                detail: """
                    Delete the file admin.token of the data directory, and send the relay SIGHUP (kill -HUP, systemctl reload): it creates \
                    a new one, and the former token is no longer valid. A reload by the API requires the former token, which ttmsctl \
                    reads from that file.
                    """
            )
        }
        var tokens = self.tokens()
        guard let index = tokens.firstIndex(where: { $0.id == id }) else {
            throw ProblemDetails(.tokenNotFound, detail: "There is no token with this id, or it is already revoked.")
        }
        let token = tokens.remove(at: index)
        try self.replace(tokens)
        return token
    }

    /// Reads the file `admin.token` again; its former token is then no longer valid.
    ///
    /// - Throws: ``AdminError``; the former token stays valid.
    func reload() throws(AdminError) {
        let admin = try Self.admin(self.adminFile, inventory: self.inventory, logger: self.logger)
        self.known.withLock { known in
            known.tokens.removeAll { $0.id == Self.adminID }
            known.tokens.insert(admin, at: 0)
        }
    }

    /// Stores the times of last use when the relay ends. A crash loses them, because writing at every request would cost too much.
    func close() {
        let uses = self.known.withLock { $0.uses }
        guard uses != self.storedUses else { return }
        do throws(ProblemDetails) {
            try self.replace(self.tokens())
            self.storedUses = uses
        } catch {
            self.logger.warning("The times of the tokens' last use are not stored", metadata: ["error": "\(error.detail)"])
        }
    }

    // MARK: The files

    /// Writes the file again if somebody has removed it, because a later start would otherwise have no tokens.
    func restore() {
        guard self.inventory.holds(self.file.name), !self.file.exists else { return }
        let outcome = Result { () throws(ProblemDetails) in try self.replace(self.tokens()) }
        let text = outcome.failure?.detail ?? "done"
        guard let heldBack = self.restoreLog.admit(text, at: .now) else { return }
        self.logger.error(
            "The tokens' file was removed while the relay ran, and is written again",
            metadata: ["file": "\(self.file.path)", "outcome": "\(text)", "held_back": "\(heldBack)"]
        )
    }

    /// Puts `tokens` in force when they are on disk.
    private func replace(_ tokens: [TokenRecord]) throws(ProblemDetails) {
        let created = tokens.filter { $0.id != Self.adminID }
        try self.file.replace(sealing: TokenRecord.File(tokens: created), inventory: self.inventory)
        self.known.withLock { known in
            let admin = known.tokens.filter { $0.id == Self.adminID }
            known.tokens = admin + created
            known.uses = known.uses.filter { use in known.tokens.contains { $0.id == use.key } }
        }
    }

    private static func admin(
        _ path: String,
        inventory: FileInventory,
        logger: Logger
    ) throws(AdminError) -> TokenRecord {
        let secret = try AdminTokenFile.secret(at: path, inventory: inventory, logger: logger)
        guard let digest = secret.digest else {
            throw AdminError("GnuTLS cannot compute SHA-256 here, so that tokens cannot be compared.")
        }
        return TokenRecord(id: Self.adminID, name: "admin.token", scopes: [.admin], digest: digest)
    }

    private static func read(_ file: StateFile, _ inventory: FileInventory) throws(AdminError) -> [TokenRecord] {
        // A start without them would lock out their users without notice.
        let contents = try file.decoded(
            TokenRecord.File.self,
            limit: Self.maximumFileSize,
            name: "tokens'",
            inventory: inventory,
            empty: #"{"format": 1, "tokens": []}"#,
            withoutIt: "only the token of admin.token is left, with which new ones can be created"
        )
        return contents?.tokens ?? []
    }

    private static func withUse(_ token: TokenRecord, _ uses: [String: Timestamp]) -> TokenRecord {
        var token = token
        token.lastUsedAt = uses[token.id] ?? token.lastUsedAt
        return token
    }
}
