import AdminAPI
import RelayCore

/// The endpoints for blocks: list, create, remove.
struct BlockEndpoints: Sendable {
    let blocks: BlockRegistry

    @Sendable
    func list(_ request: HTTPRequest) async throws -> HTTPResponse {
        let blocks = await self.blocks.blocks()
        return try .page(of: blocks, list: "blocks", request.query, key: \.target.description) { [clock = self.blocks.clock] in
            BlockResource($0, clock: clock)
        }
    }

    @Sendable
    func create(_ request: HTTPRequest) async throws -> HTTPResponse {
        var body = try JSONBody(request, fields: CreateBlockRequest.fieldNames)
        let expected = "It has to be a CCID, an IP address, or a network such as 192.0.2.0/24."
        let target = body.required("target", expected) { $0.text.flatMap(Block.Target.init) }
        let reason = body.optional("reason", "It has to be a string of up to 256 characters.") { field in
            field.text.flatMap { $0.unicodeScalars.count <= 256 ? $0 : nil }
        }
        let seconds = body.number("for_seconds", in: 1 ... .max)
        guard body.isSound, let target else { throw body.problem }
        let now = self.blocks.clock.now()
        let block = BlockRecord(
            target: target,
            reason: reason ?? "",
            createdAt: now,
            createdBy: request.caller?.tokenName ?? "",
            expiresAt: seconds.map { now.advanced(bySeconds: Int64($0)) }
        )
        let (closed, isNew) = try await self.blocks.add(block, now: now)
        var response = try HTTPResponse.json(
            BlockResource(block, closedConnections: closed, clock: self.blocks.clock),
            status: isNew ? 201 : 200
        )
        response.headers.append(HTTPResponse.Header("Location", RoutePath.block.path(target.description)))
        response.record = ["target": target.description, "reason": block.reason, "closed_connections": String(closed)]
        response.record["expires_at"] = block.expiresAt.map { self.blocks.clock.wallTime($0).text }
        return response
    }

    @Sendable
    func remove(_ request: HTTPRequest) async throws -> HTTPResponse {
        guard let target = Block.Target(request.parameters["target"] ?? "") else {
            throw ProblemDetails(
                .blockNotFound,
                detail: "The path contains no CCID, address or network, so that there is no block."
            )
        }
        try await self.blocks.remove(target)
        return .noContent
    }
}

extension BlockResource {
    init(_ block: BlockRecord, closedConnections: Int? = nil, clock: AccessClock) {
        let kind: BlockKind =
            switch block.target {
            case .ccid: .terminal
            case .network: .address
            }
        self.init(
            target: block.target.description,
            kind: kind,
            reason: block.reason,
            createdAt: clock.wallTime(block.createdAt).text,
            createdBy: block.createdBy,
            expiresAt: block.expiresAt.map { clock.wallTime($0).text },
            closedConnections: closedConnections
        )
    }
}
