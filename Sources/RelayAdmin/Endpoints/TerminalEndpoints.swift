import AdminAPI
import RelayCore
import TTMSProtocol

/// The endpoints for terminals: list, show, close the connection.
struct TerminalEndpoints: Sendable {
    let operations: any RelayOperations

    /// The query parameters of the list, besides those of every list.
    static let filters = [
        "state", "late", "has_backlog", "prefix", "remote_address", "dialect", "sort", "order", "fields",
    ]

    @Sendable
    func list(_ request: HTTPRequest) async throws -> HTTPResponse {
        let parameters = request.query
        let limit = try parameters.limit
        let prefix = try self.prefix(parameters)
        let list = "terminals." + parameters.listName(Self.filters.filter { $0 != "prefix" && $0 != "fields" }) + prefix
        let query = TerminalQuery(
            isOnline: try parameters.word("state", as: TerminalState.self).map { $0 == .online },
            isLate: try parameters.flag("late"),
            hasBacklog: try parameters.flag("has_backlog"),
            prefix: prefix,
            remoteAddress: try parameters.network("remote_address"),
            dialect: try parameters.word("dialect", as: LengthDialect.self),
            sort: try parameters.word("sort", as: TerminalQuery.Sort.self) ?? .ccid,
            isDescending: try parameters.isDescending,
            after: try parameters.position(in: list),
            limit: limit
        )
        let fields = try self.fields(parameters)
        let page = try await self.operations.terminals(query)
        let now = Timestamp.now
        let shown = page.items.map { SelectedTerminal(terminal: TerminalResource($0, now: now), fields: fields) }
        let next = page.next.map { Cursor(list: list, position: $0.description).text }
        return .json(writing: SelectedPage(data: shown, meta: PageMeta(limit: limit, nextCursor: next)))
    }

    /// The fields of a list in their order: all but the history, which is large and of interest for single terminals only.
    private func fields(_ query: QueryParameters) throws(ProblemDetails) -> [TerminalResource.CodingKeys] {
        let known = TerminalResource.CodingKeys.allCases.filter { $0 != .history }
        guard let text = query["fields"] else { return known }
        var fields: Set<TerminalResource.CodingKeys> = [.ccid]
        for name in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let field = known.first(where: { $0.rawValue == name }) else {
                let names = known.map(\.rawValue).sorted().joined(separator: ", ")
                throw QueryParameters.invalid("fields", "It has to be some of \(names), with commas between them.")
            }
            fields.insert(field)
        }
        return known.filter(fields.contains)
    }

    @Sendable
    func show(_ request: HTTPRequest) async throws -> HTTPResponse {
        let ccid = try request.ccid
        guard let terminal = try await self.operations.terminal(ccid) else { throw await Self.unknown(ccid, self.operations) }
        var resource = TerminalResource(terminal, now: .now)
        resource.history = terminal.history.map(TerminalResource.PastConnection.init)
        return .json(writing: resource)
    }

    @Sendable
    func disconnect(_ request: HTTPRequest) async throws -> HTTPResponse {
        let ccid = try request.ccid
        guard await self.operations.disconnect(ccid) else {
            throw ProblemDetails(.terminalOffline, detail: "The terminal \(ccid) has no connection that could be closed.")
        }
        return .noContent
    }

    /// The problem of an unknown terminal, which may have been seen before the relay started, or be forgotten.
    static func unknown(_ ccid: CCID, _ operations: any RelayOperations) async -> ProblemDetails {
        let start = await operations.status().startedAt.text
        return ProblemDetails(
            .terminalNotFound,
            detail: """
                The terminal \(ccid) has no stored frames, and was not seen since the relay started at \(start), or has been \
                forgotten because more than `maximum_offline_terminals` others were seen after it.
                """
        )
    }

    private func prefix(_ query: QueryParameters) throws(ProblemDetails) -> String {
        let prefix = (query["prefix"] ?? "").lowercased()
        guard prefix.utf8.count <= 8, prefix.utf8.allSatisfy({ "0123456789abcdef".utf8.contains($0) }) else {
            throw QueryParameters.invalid("prefix", "It has to be the beginning of a CCID: up to 8 hex digits.")
        }
        return prefix
    }
}

/// A terminal with selected fields.
private struct SelectedTerminal: JSONWritable {
    let terminal: TerminalResource
    let fields: [TerminalResource.CodingKeys]

    func write(to json: inout JSONWriter) { self.terminal.write(self.fields, to: &json) }
}

/// A ``Page`` of terminals with selected fields.
private struct SelectedPage: JSONWritable {
    private enum CodingKeys: String, CodingKey {
        case data, meta
    }

    let data: [SelectedTerminal]
    let meta: PageMeta

    func write(to json: inout JSONWriter) {
        json.object { json in
            json.member(CodingKeys.data, self.data)
            json.member(CodingKeys.meta, self.meta)
        }
    }
}
