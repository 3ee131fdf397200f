import AdminAPI

/// The audit log, the newest entry first.
struct AuditEndpoints: Sendable {
    let audit: AuditLog

    @Sendable
    func list(_ request: HTTPRequest) async throws -> HTTPResponse {
        let query = request.query
        let limit = try query.limit
        let filter = AuditReader.Filter(
            token: query["token"],
            outcome: try query.word("outcome", as: AuditOutcome.self),
            since: try query.time("since")
        )
        let list = "audit.\(filter.outcome?.rawValue ?? "").\(filter.since.map(String.init) ?? "").\(filter.token ?? "")"
        let before = try query["cursor"].map { text throws(ProblemDetails) in
            guard let id = UInt64(try Cursor(text, of: list).position) else { throw Cursor.invalid }
            return id
        }
        let found = try await self.audit.entries(filter, before: before, limit: limit)
        let next = found.next.map { Cursor(list: list, position: String($0)).text }
        return try .json(Page(data: found.entries, limit: limit, nextCursor: next))
    }

}

extension AuditResource {
    /// Unicode scalars of a target that are kept, and as many of a query: paths of the API have fewer, and others are a stranger's.
    private static let targetLimit = 256
    /// Those of a method: all that there are have fewer.
    private static let methodLimit = 16

    /// What became of a request. The id comes when it is written.
    init(
        _ head: RequestHead,
        _ caller: Caller?,
        route: Route?,
        outcome: AuditOutcome,
        status: Int,
        code: ProblemCode?,
        at: String
    ) {
        self.init(
            id: "",
            at: at,
            outcome: outcome,
            tokenID: caller?.tokenID,
            tokenName: caller?.tokenName,
            remoteAddress: head.remoteAddress,
            method: head.method.cut(to: Self.methodLimit),
            route: route?.path.rawValue,
            target: head.path.cut(to: Self.targetLimit),
            status: status,
            code: code?.rawValue,
            requestID: head.id
        )
    }

    /// Adds what the request asked for in its query: a preview is no sending. What the route has no meaning for stays out; it may be
    /// anything, even a secret.
    mutating func addQuery(of head: RequestHead, known names: [String]) {
        let parameters = head.query.compactMap { field -> String? in
            // Names are decoded before the route looks at them: `previe%77` is `preview`.
            guard let name = PercentDecoding.decodeForm(field.name), names.contains(name) else { return nil }
            return field.value.map { "\(name)=\($0)" } ?? name
        }
        guard !parameters.isEmpty else { return }
        self.target += "?" + parameters.joined(separator: "&").cut(to: Self.targetLimit)
    }
}

extension [String: String] {
    /// Ids in one entry of the audit log at the most; of more, it says how many they are.
    private static let maximumIDs = 100

    /// What the audit log says of messages that were taken.
    static func messages(_ ids: [String]) -> [String: String] {
        guard !ids.isEmpty else { return [:] }
        var record = ["message_ids": ids.prefix(Self.maximumIDs).joined(separator: ", ")]
        if ids.count > 1 { record["messages"] = String(ids.count) }
        return record
    }
}

extension AuditOutcome {
    /// What became of a request that was allowed.
    init(status: Int) {
        switch status {
        case ..<400: self = .done
        case ..<500: self = .refused
        default: self = .failed
        }
    }
}
