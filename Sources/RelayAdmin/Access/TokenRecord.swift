import AdminAPI
import RelayCore

/// A token in the relay's file: all but the secret.
struct TokenRecord: Equatable, Sendable {
    let id: String
    let name: String
    let scopes: [Scope]
    let digest: TokenDigest
    /// `nil` for the one of the file `admin.token`.
    var createdAt: Timestamp?
    /// The time from which it is refused; `nil` when it does not expire.
    var expiresAt: Timestamp?
    /// `nil` when no use is known.
    var lastUsedAt: Timestamp?

    /// Whether it is valid at `now`.
    func isInForce(at now: Timestamp) -> Bool {
        self.expiresAt.map { now < $0 } ?? true
    }

    /// The content of `tokens.json`.
    struct File: Codable {
        /// Raised when an older relay would misread a newer file.
        var format = 1
        var tokens: [TokenRecord]
    }
}

extension TokenRecord: Codable {
    private enum CodingKeys: String, CodingKey {
        case id, name, scopes
        case digest = "sha256"
        case createdAt = "created_at"
        case expiresAt = "expires_at"
        case lastUsedAt = "last_used_at"
    }

    /// Decodes an element of `tokens.json`.
    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        self.id = try fields.decode(String.self, forKey: .id)
        self.name = try fields.decode(String.self, forKey: .name)
        self.scopes = try fields.decode([Scope].self, forKey: .scopes)
        guard let digest = TokenDigest(hex: try fields.decode(String.self, forKey: .digest)) else {
            throw DecodingError.dataCorruptedError(forKey: .digest, in: fields, debugDescription: "It has to be 64 hex digits.")
        }
        self.digest = digest
        self.createdAt = try fields.decodeIfPresent(Timestamp.self, forKey: .createdAt)
        self.expiresAt = try fields.decodeIfPresent(Timestamp.self, forKey: .expiresAt)
        self.lastUsedAt = try fields.decodeIfPresent(Timestamp.self, forKey: .lastUsedAt)
    }

    /// Encodes an element of `tokens.json`.
    func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        try fields.encode(self.id, forKey: .id)
        try fields.encode(self.name, forKey: .name)
        try fields.encode(self.scopes, forKey: .scopes)
        try fields.encode(self.digest.hex, forKey: .digest)
        try fields.encodeIfPresent(self.createdAt, forKey: .createdAt)
        try fields.encodeIfPresent(self.expiresAt, forKey: .expiresAt)
        try fields.encodeIfPresent(self.lastUsedAt, forKey: .lastUsedAt)
    }
}

extension Timestamp: Codable {
    /// Decodes the form that ``text`` has.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let milliseconds = APITime.milliseconds(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "It is no RFC 3339 time.")
        }
        self.init(microseconds: milliseconds.multipliedReportingOverflow(by: 1_000).partialValue)
    }

    /// Encodes it in the API's form, to the millisecond.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.text)
    }
}

extension TokenResource {
    init(_ token: TokenRecord, secret: TokenSecret? = nil, clock: AccessClock) {
        self.init(
            id: token.id,
            name: token.name,
            scopes: Scope.allCases.filter(token.scopes.contains),
            createdAt: token.createdAt.map { clock.wallTime($0).text },
            expiresAt: token.expiresAt.map { clock.wallTime($0).text },
            lastUsedAt: token.lastUsedAt.map { clock.wallTime($0).text },
            token: secret?.text
        )
    }
}
