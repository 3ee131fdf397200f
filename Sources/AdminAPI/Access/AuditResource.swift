/// One entry of the audit log: a request that changed something, or that was denied.
public struct AuditResource: Codable, Equatable, Sendable {
    /// A 64-bit number in decimal, greater by one than that of the entry before.
    public var id: String
    /// The time of the answer; of several denials, the time of the last one.
    public var at: String
    /// Whether the request was carried out.
    public var outcome: AuditOutcome
    /// The id of the request's token; `nil` without a known one.
    @Nullable public var tokenID: String?
    /// The name of that token.
    @Nullable public var tokenName: String?
    /// The caller's address without the port; empty when denials from too many addresses were combined.
    public var remoteAddress: String
    /// The method as received.
    public var method: String
    /// The path's template, such as `/api/v1/messages/{id}`; `nil` for an unknown path.
    @Nullable public var route: String?
    /// The path as received, cut to 256 characters; of an allowed request, with its query.
    public var target: String
    /// The answer's HTTP status.
    public var status: Int
    /// The problem's code; `nil` when the answer is no problem.
    @Nullable public var code: String?
    /// The request's id, also in the answer and in the relay's log; of several denials, the last one's.
    public var requestID: String
    /// The number of denials that this entry stands for; 1 for all other entries.
    public var count: Int
    /// Details of the change that the path does not contain, by name; `nil` when there are none. They contain no secrets.
    @Nullable public var details: [String: String]?

    enum CodingKeys: String, CodingKey {
        case id, at, outcome, method, route, target, status, code, count, details
        case tokenID = "token_id"
        case tokenName = "token_name"
        case remoteAddress = "remote_address"
        case requestID = "request_id"
    }

    /// Makes an entry.
    public init(
        id: String,
        at: String,
        outcome: AuditOutcome,
        tokenID: String?,
        tokenName: String?,
        remoteAddress: String,
        method: String,
        route: String?,
        target: String,
        status: Int,
        code: String?,
        requestID: String,
        count: Int = 1,
        details: [String: String]? = nil
    ) {
        self.id = id
        self.at = at
        self.outcome = outcome
        self.tokenID = tokenID
        self.tokenName = tokenName
        self.remoteAddress = remoteAddress
        self.method = method
        self.route = route
        self.target = target
        self.status = status
        self.code = code
        self.requestID = requestID
        self.count = count
        self.details = details
    }
}

/// The outcome of a request in the audit log.
public enum AuditOutcome: String, Codable, CaseIterable, Sendable {
    /// It was carried out.
    case done
    /// It was allowed, but was invalid or not possible in the current state (4xx).
    case refused
    /// It was allowed, and the relay could not carry out all of it (5xx).
    case failed
    /// The caller had no token, a wrong one, one without the scope, or used another host's name.
    case denied
}
