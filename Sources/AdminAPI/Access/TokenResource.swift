/// One token. Its secret is told once, when it is made: the relay does not keep it.
public struct TokenResource: Codable, Equatable, Sendable {
    /// What the audit log calls it by, and what it is revoked by; `admin` for the one of the file `admin.token`.
    public var id: String
    /// What its maker called it; several tokens may have one name.
    public var name: String
    /// What it allows, in the order of ``Scope``.
    public var scopes: [Scope]
    /// When it was made; `nil` for the one of the file.
    @Nullable public var createdAt: String?
    /// From when on it is refused; `nil` when it does not expire.
    @Nullable public var expiresAt: String?
    /// When it was taken last, to the minute; `nil` when it never was, or not since a crash that came soon after.
    @Nullable public var lastUsedAt: String?
    /// The secret, to be sent as `Authorization: Bearer …`; only in the answer that made it.
    public var token: String?

    enum CodingKeys: String, CodingKey {
        case id, name, scopes, token
        case createdAt = "created_at"
        case expiresAt = "expires_at"
        case lastUsedAt = "last_used_at"
    }

    /// Makes a token's description.
    public init(
        id: String,
        name: String,
        scopes: [Scope],
        createdAt: String?,
        expiresAt: String?,
        lastUsedAt: String?,
        token: String? = nil
    ) {
        self.id = id
        self.name = name
        self.scopes = scopes
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.lastUsedAt = lastUsedAt
        self.token = token
    }
}

/// The JSON body that makes a token.
public struct CreateTokenRequest: Codable, Equatable, Sendable {
    /// 1 to 64 letters, digits, `.`, `_`, `@` and `-`: who or what is going to use it.
    public var name: String
    /// At least one.
    public var scopes: [Scope]
    /// Seconds from now until it expires, 1 to 4,294,967,295; never when it is not given.
    public var forSeconds: UInt32?

    enum CodingKeys: String, CodingKey, CaseIterable {
        case name, scopes
        case forSeconds = "for_seconds"
    }

    /// The names of all fields: any other is refused.
    public static let fieldNames = Set(CodingKeys.allCases.map(\.rawValue))

    /// Makes a request.
    public init(name: String, scopes: [Scope], forSeconds: UInt32? = nil) {
        self.name = name
        self.scopes = scopes
        self.forSeconds = forSeconds
    }
}
