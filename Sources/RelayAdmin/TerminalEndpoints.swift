import AdminAPI
import RelayCore
import TTMSProtocol

/// Terminals: who is there, who was, and how to end a connection.
struct TerminalEndpoints: Sendable {
    let operations: any RelayOperations

    @Sendable
    func list(_ request: HTTPRequest) async throws -> HTTPResponse {
        let query = request.query
        let limit = try query.limit
        let state = try query.word("state", as: TerminalState.self)
        let prefix = try self.prefix(query)
        let list = "terminals.\(state?.rawValue ?? "").\(prefix)"
        var after: CCID?
        if let text = query["cursor"] {
            after = CCID(try Cursor(text, of: list).position)
            if after == nil { throw Cursor.invalid }
        }
        // One more than is shown says whether there is a next page.
        let found = try await self.operations.terminals(
            TerminalQuery(isOnline: state.map { $0 == .online }, prefix: prefix, after: after, limit: limit + 1)
        )
        let shown = found.prefix(limit)
        let next = found.count > limit ? shown.last.map { Cursor(list: list, position: $0.ccid.description).text } : nil
        let now = Timestamp.now
        return try .json(Page(data: shown.map { TerminalResource($0, now: now) }, limit: limit, nextCursor: next))
    }

    @Sendable
    func show(_ request: HTTPRequest) async throws -> HTTPResponse {
        let ccid = try request.ccid
        guard let terminal = try await self.operations.terminal(ccid) else { throw Self.unknown(ccid) }
        return try .json(TerminalResource(terminal, now: .now))
    }

    @Sendable
    func disconnect(_ request: HTTPRequest) async throws -> HTTPResponse {
        let ccid = try request.ccid
        guard await self.operations.disconnect(ccid) else {
            throw ProblemDetails(.terminalOffline, detail: "The terminal \(ccid) has no connection that could be closed.")
        }
        return .noContent
    }

    /// The problem of a terminal that was never seen.
    static func unknown(_ ccid: CCID) -> ProblemDetails {
        ProblemDetails(.terminalNotFound, detail: "The terminal \(ccid) was never seen, and nothing is kept for it.")
    }

    private func prefix(_ query: QueryParameters) throws(ProblemDetails) -> String {
        let prefix = (query["prefix"] ?? "").lowercased()
        guard prefix.utf8.count <= 8, prefix.utf8.allSatisfy({ "0123456789abcdef".utf8.contains($0) }) else {
            throw QueryParameters.invalid("prefix", "It has to be the beginning of a CCID: up to 8 hex digits.")
        }
        return prefix
    }
}
