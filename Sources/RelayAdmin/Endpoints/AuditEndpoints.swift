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
    /// The most Unicode scalars of a path, and of a query: paths of the API have fewer, and others are chosen by strangers.
    private static let targetLimit = 256
    /// The most Unicode scalars of a method: all known ones have fewer.
    private static let methodLimit = 16

    /// Makes the entry of a request. Its id is assigned when it is written.
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

    /// Adds the parameters that the route knows, because a preview for instance sends no message. Others are omitted, because they
    /// may contain a secret.
    mutating func addQuery(of head: RequestHead, known names: [String]) {
        let parameters = head.query.compactMap { field -> String? in
            // Names are decoded, as for the route: `previe%77` is `preview`.
            guard let name = PercentDecoding.decodeForm(field.name), names.contains(name) else { return nil }
            return field.value.map { "\(name)=\($0)" } ?? name
        }
        guard !parameters.isEmpty else { return }
        self.target += "?" + parameters.joined(separator: "&").cut(to: Self.targetLimit)
    }
}

extension [String: String] {
    /// The most ids in one entry; when there are more, the entry has their number.
    private static let maximumIDs = 100

    /// The audit details of accepted messages.
    static func messages(_ ids: [String]) -> [String: String] {
        guard !ids.isEmpty else { return [:] }
        var record = ["message_ids": ids.prefix(Self.maximumIDs).joined(separator: ", ")]
        if ids.count > 1 { record["messages"] = String(ids.count) }
        return record
    }
}

extension AuditOutcome {
    /// Makes the outcome of an allowed request.
    init(status: Int) {
        switch status {
        case ..<400: self = .done
        case ..<500: self = .refused
        default: self = .failed
        }
    }
}
