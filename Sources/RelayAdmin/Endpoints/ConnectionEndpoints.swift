import AdminAPI
import RelayCore
import TTMSProtocol

/// The endpoints for connections, open and ended: list, show, close.
struct ConnectionEndpoints: Sendable {
    let operations: any RelayOperations

    /// The query parameters of the list, besides those of every list.
    static let filters = ["state", "ccid", "remote_address", "dialect", "reason", "sort", "order"]

    @Sendable
    func list(_ request: HTTPRequest) async throws -> HTTPResponse {
        let parameters = request.query
        let limit = try parameters.limit
        let ccid = try parameters.ccid("ccid")
        let list = "connections." + parameters.listName(Self.filters.filter { $0 != "ccid" }) + (ccid?.description ?? "")
        let query = ConnectionQuery(
            isOpen: try parameters.word("state", as: ConnectionState.self).map { $0 == .open },
            ccid: ccid,
            remoteAddress: try parameters.network("remote_address"),
            dialect: try parameters.word("dialect", as: LengthDialect.self),
            reason: try parameters.word("reason", as: CloseReason.self),
            sort: try parameters.word("sort", as: ConnectionQuery.Sort.self) ?? .id,
            isDescending: try parameters.isDescending,
            after: try parameters.position(in: list),
            limit: limit
        )
        let page = try await self.operations.connections(query)
        let next = page.next.map { Cursor(list: list, position: $0.description).text }
        return .json(writing: Page(data: page.items.map(ConnectionResource.init), limit: limit, nextCursor: next))
    }

    @Sendable
    func show(_ request: HTTPRequest) async throws -> HTTPResponse {
        let id = try request.connectionID
        guard let connection = await self.operations.connection(id) else { throw Self.unknown(id) }
        return .json(writing: ConnectionResource(connection))
    }

    @Sendable
    func disconnect(_ request: HTTPRequest) async throws -> HTTPResponse {
        let id = try request.connectionID
        if await self.operations.disconnect(connection: id) { return .noContent }
        guard let end = await self.operations.connection(id)?.end else { throw Self.unknown(id) }
        throw ProblemDetails(
            .connectionClosed,
            detail: "The connection \(id) ended at \(end.at.text), for the reason \(end.reason.rawValue)."
        )
    }

    private static func unknown(_ id: UInt64) -> ProblemDetails {
        ProblemDetails(
            .connectionNotFound,
            detail: """
                No connection \(id) is open or remembered: there was none since the relay started, or others have ended since and \
                displaced it.
                """
        )
    }
}
