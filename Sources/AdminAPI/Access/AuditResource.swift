/// One entry of the audit log: a request that changed something, or that was denied.
public struct AuditResource: Codable, Equatable, Sendable {
    /// A 64-bit number in decimal; one higher than that of the entry before.
    public var id: String
    /// When the request was answered; of several denials, when the last one was.
    public var at: String
    /// What became of it.
    public var outcome: AuditOutcome
    /// Whose token it came with; `nil` without one that is known.
    @Nullable public var tokenID: String?
    /// What that token is called.
    @Nullable public var tokenName: String?
    /// The address that it came from, without the port; empty when several denials came from too many to tell.
    public var remoteAddress: String
    /// The method as it came.
    public var method: String
    /// The path's template, such as `/api/v1/messages/{id}`; `nil` when there is no such path.
    @Nullable public var route: String?
    /// The path as it came, cut to 256 characters; of a request that was allowed, with what it asked for in its query.
    public var target: String
    /// The answer's HTTP status.
    public var status: Int
    /// The problem's code, if it is one.
    @Nullable public var code: String?
    /// The request's id, which the answer and the relay's log have, too; of several denials, the last one's.
    public var requestID: String
    /// How many denials this entry stands for; 1 for everything else.
    public var count: Int
    /// What was done, as far as the path does not say it: names, and what they were; `nil` when there is nothing to add. No secrets.
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

/// What became of a request that is in the audit log.
public enum AuditOutcome: String, Codable, CaseIterable, Sendable {
    /// It was carried out.
    case done
    /// It was allowed, but wrong, or not possible as things were (4xx).
    case refused
    /// It was allowed, and the relay could not do it, or not all of it (5xx).
    case failed
    /// Whoever sent it may not: no token, a wrong one, one without the scope, or another host's name.
    case denied
}
