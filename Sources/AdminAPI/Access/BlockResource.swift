/// Somebody whom an operator has shut out.
public struct BlockResource: Codable, Equatable, Sendable {
    /// A CCID, an address, or a network such as `192.0.2.0/24`; there is one block for each.
    public var target: String
    /// What ``target`` is.
    public var kind: BlockKind
    /// Why, in the operator's words; may be empty.
    public var reason: String
    /// When it was made.
    public var createdAt: String
    /// The name of the token that it was made with.
    public var createdBy: String
    /// When it ends by itself; `nil` when it does not.
    @Nullable public var expiresAt: String?
    /// How many connections it closed; only in the answer that made it.
    public var closedConnections: Int?

    enum CodingKeys: String, CodingKey {
        case target, kind, reason
        case createdAt = "created_at"
        case createdBy = "created_by"
        case expiresAt = "expires_at"
        case closedConnections = "closed_connections"
    }

    /// Makes a block's description.
    public init(
        target: String,
        kind: BlockKind,
        reason: String,
        createdAt: String,
        createdBy: String,
        expiresAt: String?,
        closedConnections: Int? = nil
    ) {
        self.target = target
        self.kind = kind
        self.reason = reason
        self.createdAt = createdAt
        self.createdBy = createdBy
        self.expiresAt = expiresAt
        self.closedConnections = closedConnections
    }
}

/// What is blocked.
public enum BlockKind: String, Codable, CaseIterable, Sendable {
    /// A terminal, wherever it connects from.
    case terminal
    /// Addresses, whoever connects from there.
    case address
}

/// The JSON body that blocks somebody.
public struct CreateBlockRequest: Codable, Equatable, Sendable {
    /// A CCID, an IP address, or a network such as `192.0.2.0/24`.
    public var target: String
    /// Seconds from now until it ends, 1 to 4,294,967,295; it does not when it is not given.
    public var forSeconds: UInt32?
    /// Why, for whoever finds it later; up to 256 characters.
    public var reason: String?

    enum CodingKeys: String, CodingKey, CaseIterable {
        case target, reason
        case forSeconds = "for_seconds"
    }

    /// The names of all fields: any other is refused.
    public static let fieldNames = Set(CodingKeys.allCases.map(\.rawValue))

    /// Makes a request.
    public init(target: String, forSeconds: UInt32? = nil, reason: String? = nil) {
        self.target = target
        self.forSeconds = forSeconds
        self.reason = reason
    }
}
