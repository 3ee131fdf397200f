import AdminAPI
import FoundationEssentials
import Logging
import RelayCore
import Synchronization

/// The tokens that open the admin API, and what each allows: the one of the file `admin.token`, and those made from it, of which
/// only digests are kept, in `tokens.json`.
///
/// An actor for the sake of its file: one change after the other, each in force when it is on disk. Requests do not wait for that;
/// they look at ``known``, which is locked for as long as a comparison takes.
actor TokenRegistry {
    /// Tokens at the most: all are compared for every request.
    static let maximum = 1_000
    /// Seconds that a token is listed after its time is over, so that who finds it refused can find out why.
    static let memory: Int64 = 30 * 24 * 3_600
    /// The id of the token in the file `admin.token`.
    static let adminID = "admin"
    /// More bytes than ``maximum`` tokens take.
    private static let maximumFileSize = 1 << 20

    private struct Known {
        var tokens: [KeptToken]
        /// When each was taken last, by id.
        var uses: [String: Timestamp] = [:]
    }

    private let executor = DiskExecutor("tokens")
    nonisolated var unownedExecutor: UnownedSerialExecutor { self.executor.asUnownedSerialExecutor() }

    private nonisolated let known: Mutex<Known>
    private let adminFile: String
    private let file: KeptFile
    private let inventory: KeptInventory
    /// By which tokens end.
    nonisolated let clock: AccessClock
    private let logger: Logger
    /// Which restorations of the file are logged: on a full disk it is tried every ten seconds.
    private var restoreLog = LogLimit<String>()
    /// When tokens were used last, as it is in the file.
    private var keptUses: [String: Timestamp] = [:]

    /// Reads both files, and makes the first token when there is none.
    ///
    /// - Throws: ``AdminError``.
    init(adminFile: String, file: String, inventory: KeptInventory, logger: Logger) throws(AdminError) {
        let admin = try Self.admin(adminFile, inventory: inventory, logger: logger)
        self.file = KeptFile(path: file)
        self.inventory = inventory
        self.clock = inventory.clock
        self.adminFile = adminFile
        self.logger = logger
        self.known = Mutex(Known(tokens: [admin] + (try Self.read(self.file, inventory))))
    }

    // MARK: Who asks

    /// Who sends `Authorization: Bearer …`; `nil` when that holds no token that is in force.
    nonisolated func caller(authorization: String, now: Timestamp? = nil) -> Caller? {
        self.holder(authorization: authorization, now: now).flatMap { $0.isInForce ? $0.caller : nil }
    }

    /// Whose token `Authorization: Bearer …` holds, and whether its time is not over yet; `nil` when it is none that is kept.
    nonisolated func holder(authorization: String, now: Timestamp? = nil) -> (caller: Caller, isInForce: Bool)? {
        let now = now ?? self.clock.now()
        guard let digest = TokenSecret(authorization: authorization)?.digest else { return nil }
        return self.known.withLock { known in
            // All are compared, so that the time does not even tell how many there are before it.
            var found: KeptToken?
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

    /// Whether the token that `caller` came with is still in force: an answer that lasts has to end with it.
    nonisolated func isInForce(_ caller: Caller, now: Timestamp? = nil) -> Bool {
        let now = now ?? self.clock.now()
        return self.known.withLock { known in
            known.tokens.contains { $0.id == caller.tokenID && $0.digest == caller.digest && $0.isInForce(at: now) }
        }
    }

    // MARK: What operators do

    /// All tokens, expired ones included, the file's first.
    nonisolated func tokens() -> [KeptToken] {
        self.known.withLock { known in known.tokens.map { Self.withUse($0, known.uses) } }
    }

    /// Makes a token, and forgets those whose time has been over for long.
    ///
    /// - Returns: the token, and the only copy of its secret.
    /// - Throws: ``ProblemDetails``.
    func create(
        name: String,
        scopes: [Scope],
        expiresAt: Timestamp?,
        now: Timestamp? = nil
    ) throws(ProblemDetails) -> (KeptToken, TokenSecret) {
        let now = now ?? self.clock.now()
        // Where tokens are made for some time each, nobody revokes them.
        let tokens = self.tokens().filter { token in token.expiresAt.map { now < $0.advanced(bySeconds: Self.memory) } ?? true }
        guard tokens.count < Self.maximum else {
            throw ProblemDetails(.limitReached, detail: "There are \(Self.maximum) tokens already. Revoke those not needed.")
        }
        let secret = TokenSecret.random()
        guard let digest = secret.digest else {
            throw ProblemDetails(.internalError, detail: "GnuTLS does not compute SHA-256 here, so that no token can be kept.")
        }
        let token = KeptToken(
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

    /// Takes a token out of force.
    ///
    /// - Returns: the token.
    /// - Throws: ``ProblemDetails``.
    @discardableResult
    func revoke(_ id: String) throws(ProblemDetails) -> KeptToken {
        guard id != Self.adminID else {
            throw ProblemDetails(
                .tokenInFile,
                detail: """
                    Delete the file admin.token of the data directory, and send the relay SIGHUP (kill -HUP, systemctl reload): it makes \
                    a new one, and the former token is out of force. A reload by the API needs the former token, which ttmsctl reads \
                    from that file.
                    """
            )
        }
        var tokens = self.tokens()
        guard let index = tokens.firstIndex(where: { $0.id == id }) else {
            throw ProblemDetails(.tokenNotFound, detail: "There is no token with this id, or it has been revoked already.")
        }
        let token = tokens.remove(at: index)
        try self.replace(tokens)
        return token
    }

    /// Reads the file `admin.token` again; what it held before is out of force then.
    ///
    /// - Throws: ``AdminError``; the former token stays in force.
    func reload() throws(AdminError) {
        let admin = try Self.admin(self.adminFile, inventory: self.inventory, logger: self.logger)
        self.known.withLock { known in
            known.tokens.removeAll { $0.id == Self.adminID }
            known.tokens.insert(admin, at: 0)
        }
    }

    /// Keeps when tokens were used last: the relay ends. What is not said is lost with a crash, and no reason to write at every
    /// request.
    func close() {
        let uses = self.known.withLock { $0.uses }
        guard uses != self.keptUses else { return }
        do throws(ProblemDetails) {
            try self.replace(self.tokens())
            self.keptUses = uses
        } catch {
            self.logger.warning("When tokens were used last is not kept", metadata: ["error": "\(error.detail)"])
        }
    }

    // MARK: The files

    /// Writes the file again if somebody has removed it: after the next start nobody's token would be known.
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

    /// Makes `tokens` those in force, once they are on disk.
    private func replace(_ tokens: [KeptToken]) throws(ProblemDetails) {
        let kept = tokens.filter { $0.id != Self.adminID }
        try self.file.replace(sealing: KeptToken.File(tokens: kept), inventory: self.inventory)
        self.known.withLock { known in
            let admin = known.tokens.filter { $0.id == Self.adminID }
            known.tokens = admin + kept
            known.uses = known.uses.filter { use in known.tokens.contains { $0.id == use.key } }
        }
    }

    private static func admin(
        _ path: String,
        inventory: KeptInventory,
        logger: Logger
    ) throws(AdminError) -> KeptToken {
        let secret = try AdminTokenFile.secret(at: path, inventory: inventory, logger: logger)
        guard let digest = secret.digest else {
            throw AdminError("GnuTLS does not compute SHA-256 here, so that no token can be told from another.")
        }
        return KeptToken(id: Self.adminID, name: "admin.token", scopes: [.admin], digest: digest)
    }

    private static func read(_ file: KeptFile, _ inventory: KeptInventory) throws(AdminError) -> [KeptToken] {
        // To start without them would silently lock out whoever uses them.
        let kept = try file.decoded(
            KeptToken.File.self,
            limit: Self.maximumFileSize,
            name: "tokens'",
            inventory: inventory,
            empty: #"{"format": 1, "tokens": []}"#,
            withoutIt: "only the token of admin.token is left, with which new ones can be made"
        )
        return kept?.tokens ?? []
    }

    private static func withUse(_ token: KeptToken, _ uses: [String: Timestamp]) -> KeptToken {
        var token = token
        token.lastUsedAt = uses[token.id] ?? token.lastUsedAt
        return token
    }
}
