/// One block: a CCID or network that an operator has blocked.
public struct BlockResource: Codable, Equatable, Sendable {
    /// A CCID, an address, or a network such as `192.0.2.0/24`; each has at most one block.
    public var target: String
    /// The kind of ``target``.
    public var kind: BlockKind
    /// The operator's reason; may be empty.
    public var reason: String
    /// The time at which it was created.
    public var createdAt: String
    /// The name of the token that created it.
    public var createdBy: String
    /// The time at which it ends by itself; `nil` when it does not.
    @Nullable public var expiresAt: String?
    /// The number of connections that it closed; only in the answer to its creation.
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

/// The kind of a block's target.
public enum BlockKind: String, Codable, CaseIterable, Sendable {
    /// A terminal, from any address.
    case terminal
    /// Addresses, for any terminal.
    case address
}

/// The JSON body that creates a block.
public struct CreateBlockRequest: Codable, Equatable, Sendable {
    /// A CCID, an IP address, or a network such as `192.0.2.0/24`.
    public var target: String
    /// Seconds from now until it ends, 1 to 4,294,967,295; without a value it does not end.
    public var forSeconds: UInt32?
    /// The reason, for other operators; at most 256 characters.
    public var reason: String?

    enum CodingKeys: String, CodingKey, CaseIterable {
        case target, reason
        case forSeconds = "for_seconds"
    }

    /// The names of all fields; any other is refused.
    public static let fieldNames = Set(CodingKeys.allCases.map(\.rawValue))

    /// Makes a request.
    public init(target: String, forSeconds: UInt32? = nil, reason: String? = nil) {
        self.target = target
        self.forSeconds = forSeconds
        self.reason = reason
    }
}
