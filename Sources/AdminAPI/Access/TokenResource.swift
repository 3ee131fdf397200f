/// One token. Its secret is returned once, when it is created; the relay does not store it.
public struct TokenResource: Codable, Equatable, Sendable {
    /// The id in the audit log, by which the token is revoked; `admin` for the one of the file `admin.token`.
    public var id: String
    /// The name that its creator chose; several tokens may share one.
    public var name: String
    /// The scopes that it has, in the order of ``Scope``.
    public var scopes: [Scope]
    /// The time at which it was created; `nil` for the one of the file.
    @Nullable public var createdAt: String?
    /// The time from which it is refused; `nil` when it does not expire.
    @Nullable public var expiresAt: String?
    /// The time of its last use, to the minute; `nil` when there was none, or when a crash followed it soon.
    @Nullable public var lastUsedAt: String?
    /// The secret, to be sent as `Authorization: Bearer …`; only in the answer to its creation.
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

/// The JSON body that creates a token.
public struct CreateTokenRequest: Codable, Equatable, Sendable {
    /// 1 to 64 letters, digits, `.`, `_`, `@` and `-`: the person or program that is going to use it.
    public var name: String
    /// At least one.
    public var scopes: [Scope]
    /// Seconds from now until it expires, 1 to 4,294,967,295; without a value it does not expire.
    public var forSeconds: UInt32?

    enum CodingKeys: String, CodingKey, CaseIterable {
        case name, scopes
        case forSeconds = "for_seconds"
    }

    /// The names of all fields; any other is refused.
    public static let fieldNames = Set(CodingKeys.allCases.map(\.rawValue))

    /// Makes a request.
    public init(name: String, scopes: [Scope], forSeconds: UInt32? = nil) {
        self.name = name
        self.scopes = scopes
        self.forSeconds = forSeconds
    }
}
